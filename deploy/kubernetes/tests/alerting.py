"""The alerts of the component `prometheus`, and what `promtool` says of them."""

import copy
import re
import subprocess
import tempfile
from pathlib import Path

import yaml

import rendering

COMPONENT = rendering.KUBERNETES / "components" / "prometheus"
CASES = Path(__file__).with_name("alerts.yaml")


def groups(objects):
    """What Prometheus reads of a PrometheusRule, taken out of rendered objects."""
    (rule,) = [item for item in objects if item["kind"] == "PrometheusRule"]
    return {"groups": rule["spec"]["groups"]}


def alerts(rules):
    """All alerts, by name."""
    found = [alert for group in rules["groups"] for alert in group["rules"]]
    by_name = {alert["alert"]: alert for alert in found}
    if len(by_name) != len(found):
        raise AssertionError("two alerts have one name")
    return by_name


def cases():
    """The file with the cases, as it is written."""
    tests = yaml.safe_load(CASES.read_text())
    for series in [item for case in tests["tests"] for item in case["input_series"]]:
        if not isinstance(series["values"], str):
            raise AssertionError(f"{series} must be quoted: without that 0x30 is a number in YAML")
    return tests


def promtool_cases(rules):
    """The cases as promtool wants them: each alert expected with all of its annotations."""
    by_name = alerts(rules)
    tests = copy.deepcopy(cases())
    for test in [item for case in tests["tests"] for item in case["alert_rule_test"]]:
        for expected in test["exp_alerts"]:
            for name, text in by_name[test["alertname"]]["annotations"].items():
                if name != "summary":
                    expected["exp_annotations"][name] = filled(text, expected["exp_labels"])
    return tests


def filled(text, labels):
    """A template of Prometheus with its labels put in; it must use nothing else."""
    text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda match: labels[match[1]], text)
    if "{{" in text:
        raise AssertionError(f"only a summary may have values: {text}")
    return text


def promtool(command, rules, tests=None):
    """What `promtool check rules` or `promtool test rules` says: whether it is content, and its output."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "rules.yaml"
        file.write_text(yaml.safe_dump(rules))
        if tests is not None:
            file = folder / "tests.yaml"
            file.write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], **tests}))
        result = subprocess.run(["promtool", command, "rules", str(file)], capture_output=True, text=True, timeout=600)
    return result.returncode == 0, result.stdout + result.stderr
