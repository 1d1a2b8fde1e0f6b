"""Checks the component `prometheus`: objects, alerts and dashboard, against each other, the program and promtool."""

import copy
import json
import re
import sys
import unittest

import jsonschema

import alerting
import catalog
import monitoring
import network
import promql
import rendering
from alerting import COMPONENT
from rendering import NAMESPACE, Manifests
from test_manifests import CHECKS, render_with

sys.path.append(str(COMPONENT))
import dashboard as source  # noqa: E402

README = (COMPONENT / "README.md").read_text()
OBJECTS = render_with("prometheus")
RULES = alerting.groups(OBJECTS)
ALERTS = alerting.alerts(RULES)
DASHBOARD = json.loads((COMPONENT / "dashboard.json").read_text())


class Objects(*CHECKS, unittest.TestCase):
    BUILDS_AT_ONCE = 3
    ADDED_OBJECTS = (
        ("ConfigMap", "registry-query-dashboard"),
        ("NetworkPolicy", "registry-query-from-prometheus"),
        ("PrometheusRule", "registry-query"),
        ("ServiceMonitor", "registry-query"),
    )

    @classmethod
    def setUpClass(cls):
        cls.manifests = Manifests(OBJECTS, rendering.TEMPLATE)

    def test_it_finds_the_service_and_its_port(self):
        service = self.manifests.one("Service", "registry-query")
        monitor = self.manifests.one("ServiceMonitor", "registry-query")["spec"]
        self.assertTrue(network.selects(monitor["selector"], service["metadata"]["labels"]))
        (endpoint,) = monitor["endpoints"]
        self.assertEqual(endpoint["port"], service["spec"]["ports"][0]["name"])
        self.assertEqual(endpoint["path"], "/metrics")
        # Alerts and dashboard have it by this name.
        self.assertEqual(service["metadata"]["labels"][monitor["jobLabel"]], "registry-query")

    def test_its_token_is_that_of_the_readme(self):
        (endpoint,) = self.manifests.one("ServiceMonitor", "registry-query")["spec"]["endpoints"]
        credentials = endpoint["authorization"]["credentials"]
        self.assertIn(f"create secret generic {credentials['name']} --from-file={credentials['key']}=", README)
        volumes = {volume["name"]: volume for volume in self.manifests.pod["spec"]["volumes"]}
        tokens = volumes["tokens"]["secret"]["secretName"]
        self.assertIn(f"get secret {tokens} ", README)
        self.assertIn("prometheus:metrics:%s", README)

    def test_kube_prometheus_stack_finds_it(self):
        for kind in ("ServiceMonitor", "PrometheusRule"):
            labels = self.manifests.one(kind, "registry-query")["metadata"]["labels"]
            self.assertEqual(labels["release"], "kube-prometheus-stack")
        config_map = self.manifests.one("ConfigMap", "registry-query-dashboard")
        self.assertEqual(config_map["metadata"]["labels"]["grafana_dashboard"], "1")
        annotations = config_map["metadata"]["annotations"]
        self.assertEqual(annotations["grafana_folder"], "Builds")
        self.assertEqual(annotations["kustomize.toolkit.fluxcd.io/substitute"], "disabled")
        self.assertEqual(config_map["data"], {"registry-query.json": (COMPONENT / "dashboard.json").read_text()})
        # No other ConfigMap is a dashboard.
        labelled = [item for item in self.manifests.objects if "grafana_dashboard" in item["metadata"]["labels"]]
        self.assertEqual(labelled, [config_map])

    def test_the_readmes_patch_reaches_what_it_is_for(self):
        (pointer,) = re.findall(r"path: (/metadata/labels/\w+)", README)
        for kind in ("ServiceMonitor", "PrometheusRule"):
            self.assertIn(pointer.rpartition("/")[2], self.manifests.one(kind, "registry-query")["metadata"]["labels"])


class CustomResources(unittest.TestCase):
    def test_unknown_and_missing_fields_are_found(self):
        (monitor,) = [item for item in OBJECTS if item["kind"] == "ServiceMonitor"]
        (rule,) = [item for item in OBJECTS if item["kind"] == "PrometheusRule"]
        endpoint = monitor["spec"]["endpoints"][0]
        alert = rule["spec"]["groups"][0]["rules"][0]

        def spoilt(item, part, change):
            item = copy.deepcopy(item)
            part = item["spec"]["endpoints"][0] if part is endpoint else item["spec"]["groups"][0]["rules"][0]
            change(part)
            return item

        for item in (
            spoilt(monitor, endpoint, lambda part: part.update(port=8080)),
            spoilt(monitor, endpoint, lambda part: part.update(bearerToken="x")),
            spoilt(monitor, endpoint, lambda part: part.pop("path")),
            spoilt(monitor, endpoint, lambda part: part.update(interval="30")),
            spoilt(monitor, endpoint, lambda part: part["authorization"].update(credentials={"name": "a"})),
            spoilt(rule, alert, lambda part: part.update(expression="up")),
            spoilt(rule, alert, lambda part: part.pop("expr")),
            spoilt(rule, alert, lambda part: part.update({"for": "five minutes"})),
            spoilt(rule, alert, lambda part: part["labels"].update(severity=1)),
        ):
            with self.assertRaises(jsonschema.ValidationError):
                monitoring.validate(item)


class Alerts(unittest.TestCase):
    def test_each_says_how_bad_it_is_and_what_to_do(self):
        anchors = {heading.lower() for heading in re.findall(r"^### (RegistryQuery\w+)$", README, re.MULTILINE)}
        self.assertEqual(anchors, {name.lower() for name in ALERTS})
        path = (COMPONENT / "README.md").relative_to(rendering.ROOT)
        for name, alert in ALERTS.items():
            with self.subTest(name):
                self.assertEqual(set(alert["labels"]), {"severity"})
                self.assertIn(alert["labels"]["severity"], ("critical", "warning", "info"))
                self.assertEqual(set(alert["annotations"]), {"summary", "description", "runbook"})
                self.assertTrue(alert["annotations"]["summary"].endswith("."))
                self.assertRegex(alert["annotations"]["description"], r"kubectl -n |GET /")
                self.assertEqual(alert["annotations"]["runbook"], f"{path}#{name.lower()}")
                # A description's commands are for one namespace.
                for namespace in re.findall(r"kubectl -n (\S+)", alert["annotations"]["description"]):
                    self.assertIn(namespace, ("{{", "automation", "registry"))

    def test_what_has_happened_is_told_at_once_and_what_may_pass_is_waited_for(self):
        at_once = {name for name, alert in ALERTS.items() if "for" not in alert}
        self.assertEqual(at_once, {"RegistryQueryCallbacksAbandoned", "RegistryQueryWebhookSignaturesWrong"})

    def test_promtool_can_read_them(self):
        is_content, output = alerting.promtool("check", RULES)
        self.assertTrue(is_content, output)
        self.assertIn(f"{len(ALERTS)} rules found", output)

    def test_they_fire_when_they_should_and_not_otherwise(self):
        is_content, output = alerting.promtool("test", RULES, alerting.promtool_cases(RULES))
        self.assertTrue(is_content, output)

    def test_each_has_a_case_for_and_a_case_against(self):
        fires, stays = set(), set()
        for case in alerting.cases()["tests"]:
            tests = case["alert_rule_test"]
            series = {item["series"].partition("{")[0] for item in case["input_series"]}
            for name in {test["alertname"] for test in tests}:
                if any(test["exp_alerts"] for test in tests if test["alertname"] == name):
                    fires.add(name)
                # Silence proves nothing where there is nothing to be heard.
                elif {use.metric for use in promql.read(ALERTS[name]["expr"]).uses} & series:
                    stays.add(name)
        self.assertEqual(fires, set(ALERTS))
        self.assertEqual(stays, set(ALERTS))

    def test_the_cases_find_alerts_that_always_fire(self):
        rules = copy.deepcopy(RULES)
        for alert in alerting.alerts(rules).values():
            alert["expr"] = "vector(1)"
        is_content, output = alerting.promtool("test", rules, alerting.promtool_cases(RULES))
        self.assertFalse(is_content)
        for name in ALERTS:
            self.assertRegex(output, rf"alertname: {name}, time: \S+ *\n\s+exp:\[\]")


class Readme(unittest.TestCase):
    def test_links_lead_somewhere(self):
        links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("https://")]
        self.assertGreater(len(links), 5)
        for link in links:
            path, _, anchor = link.partition("#")
            with self.subTest(link):
                target = (COMPONENT / path).resolve()
                self.assertTrue(target.exists())
                if anchor:
                    headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
                    anchors = {re.sub(r"[^\w\- ]", "", text).strip().lower().replace(" ", "-") for text in headings}
                    self.assertIn(anchor, anchors)


class Dashboard(unittest.TestCase):
    def panels(self):
        return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]

    def test_it_is_what_its_source_writes(self):
        self.assertEqual(
            (COMPONENT / "dashboard.json").read_text(), source.text(), "run components/prometheus/dashboard.py"
        )

    def test_it_can_be_put_into_any_grafana(self):
        self.assertEqual(DASHBOARD["uid"], "registry-query")
        self.assertNotIn("id", DASHBOARD)
        variables = {item["name"]: item for item in DASHBOARD["templating"]["list"]}
        self.assertEqual(list(variables), ["datasource", "namespace"])
        self.assertEqual(variables["datasource"]["query"], "prometheus")
        self.assertEqual(variables["namespace"]["datasource"], {"type": "prometheus", "uid": "$datasource"})
        for panel in self.panels():
            self.assertEqual(panel["datasource"], {"type": "prometheus", "uid": "$datasource"})

    def test_panels_have_a_description_a_unit_and_a_place_of_their_own(self):
        self.assertEqual(
            [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"],
            ["Overview", "Builds", "Registry", "Kubernetes", "Callbacks and webhooks", "HTTP", "Process"],
        )
        taken = set()
        for panel in DASHBOARD["panels"]:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24)
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            self.assertFalse(taken & cells, panel["title"])
            taken |= cells
        for panel in self.panels():
            with self.subTest(panel["title"]):
                self.assertTrue(panel["description"].endswith("."))
                self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])
                if panel["type"] == "stat":
                    self.assertTrue(panel["fieldConfig"]["defaults"]["thresholds"]["steps"])
        numbers = [panel["id"] for panel in DASHBOARD["panels"]]
        self.assertEqual(len(numbers), len(set(numbers)))

    def test_legends_name_labels_that_the_series_have(self):
        for panel in self.panels():
            for target in panel["targets"]:
                expression = promql.read(target["expr"])
                labels = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
                self.assertLessEqual(labels, expression.groupings | catalog.TARGET_LABELS, panel["title"])


class Names(unittest.TestCase):
    """Metrics, labels and their values are those of the program."""

    EXPRESSIONS = {f"the alert {name}": alert["expr"] for name, alert in ALERTS.items()} | {
        f"the panel {panel['title']} ({panel['id']}), {target['refId']}": target["expr"]
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", [])
    }

    def test_all_of_them_exist(self):
        known, values = catalog.known(), catalog.literals()
        self.assertGreater(len(known), 30)
        for where, expression in self.EXPRESSIONS.items():
            with self.subTest(where):
                self.assertEqual(list(catalog.problems(expression, known, values)), [])

    def test_every_metric_is_shown_or_watched(self):
        used = {
            re.sub(r"_(bucket|sum|count)$", "", use.metric)
            for expression in self.EXPRESSIONS.values()
            for use in promql.read(expression).uses
        }
        metrics = {re.sub(r"_seconds_(bucket|sum|count)$", "_seconds", name) for name in catalog.metrics()}
        # These say little by themselves.
        self.assertEqual(metrics - used, {"process_virtual_memory_bytes", "process_max_fds"})

    def test_mistakes_are_found(self):
        known = {"a_total": {"outcome", "namespace"}, "up": {"job"}}
        for expression, problem in (
            ("b_total", "there is no metric b_total"),
            ("rate(a_totl[5m]) > 1", "there is no metric a_totl"),
            ('a_total{result="ok"}', "a_total has no label result"),
            ('a_total{outcome=~"ok|okay"}', "nothing is called okay"),
            ("sum by (webapp) (a_total)", "no metric of it has the label webapp"),
        ):
            self.assertEqual(list(catalog.problems(expression, known, {"ok"})), [problem])
        well = 'sum by (namespace) (rate(a_total{outcome!~"ok|5.."}[5m])) / 2 > 0.5 and on (namespace) up'
        self.assertEqual(list(catalog.problems(well, known, {"ok"})), [])
        for unreadable in ("1 + 1", "rat(a_total[5m])", "a_total{outcome=ok}"):
            with self.assertRaises(ValueError):
                promql.read(unreadable)


class Network(unittest.TestCase):
    def test_prometheus_and_nobody_else_of_its_namespace_is_let_in(self):
        manifests = Manifests(OBJECTS, rendering.TEMPLATE)
        service = network.Endpoint("10.42.1.10", NAMESPACE, manifests.pod["metadata"]["labels"])
        prometheus = {"app.kubernetes.io/name": "prometheus"}
        for namespace, labels, port, expected in (
            ("monitoring", prometheus, 8080, "allowed"),
            ("monitoring", prometheus, 15008, "allowed"),
            ("monitoring", prometheus, 9090, "denied"),
            ("monitoring", {"app.kubernetes.io/name": "grafana"}, 8080, "denied"),
            ("default", prometheus, 8080, "denied"),
        ):
            caller = network.Endpoint("10.42.6.10", namespace, labels)
            verdict = network.verdict(manifests.all("NetworkPolicy"), caller, service, port)
            self.assertEqual(verdict, expected, (namespace, labels, port))
