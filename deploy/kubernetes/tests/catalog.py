"""The metrics of the program, as METRICS.md lists them; a test of the program compares that with the code."""

import re

import promql
import rendering

PAGE = rendering.ROOT / "deploy" / "prometheus" / "METRICS.md"
# What Prometheus adds to every series of a Pod behind a Service.
TARGET_LABELS = {"namespace", "pod", "job", "instance"}
# What Prometheus makes itself.
OWN = {"up": set(), "ALERTS": {"alertname", "alertstate", "severity"}}


def metrics():
    """The labels of each series, by name; a histogram has three."""
    found = {}
    for line in PAGE.read_text().splitlines():
        row = re.match(r"\| `(\w+)` \| (\w+)[^|]* \| ([^|]*) \|", line)
        if not row:
            continue
        labels = set(re.findall(r"`(\w+)`", row[3]))
        if row[2] == "histogram":
            found.update({row[1] + "_bucket": labels | {"le"}, row[1] + "_sum": labels, row[1] + "_count": labels})
        else:
            found[row[1]] = labels
    return found


def literals():
    """What a label can be, in lower case: what the program has in quotation marks, and the names of its cases."""
    found = set()
    for path in (rendering.ROOT / "Sources").rglob("*.swift"):
        text = path.read_text()
        found |= set(re.findall(r'"([^"\n]+)"', text))
        for names in re.findall(r"^\s*case ([\w, ]+)$", text, re.MULTILINE):
            found |= set(re.findall(r"\w+", names))
    return {text.lower() for text in found}


def problems(text, known, values):
    """What an expression uses that is not there: metrics, labels, and values of labels."""
    expression = promql.read(text)
    labels = set()
    for use in expression.uses:
        if use.metric not in known:
            yield f"there is no metric {use.metric}"
            continue
        labels |= known[use.metric]
        for matcher in use.matchers:
            if matcher.label not in known[use.metric]:
                yield f"{use.metric} has no label {matcher.label}"
            elif use.metric not in OWN and matcher.label not in TARGET_LABELS:
                yield from (f"nothing is called {value}" for value in matcher.values if value.lower() not in values)
    yield from (f"no metric of it has the label {label}" for label in sorted(expression.groupings - labels))


def known():
    """All metrics that Prometheus has, with the labels of their series."""
    return {name: labels | TARGET_LABELS for name, labels in {**metrics(), **OWN}.items()}
