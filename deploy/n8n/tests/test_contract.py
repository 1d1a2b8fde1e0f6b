"""Each request of the workflows is one that the contract has, and each field that they read is one that it sends."""

import re
import unittest

import contract
import expressions
import workflows

# What n8n itself says of a webhook's request, of an answer that is passed on whole, and of an error.
WEBHOOK = {"headers", "params", "query", "body"}
WHOLE = {"data", "headers", "statusCode", "statusMessage"}
KUBERNETES = "$('Settings').first().json.kubernetesUrl"


class Contract(unittest.TestCase):
    def setUp(self):
        self.workflows = workflows.every()
        self.checked = 0

    def operation(self, workflow, name):
        """The operation that a node asks for; `None` if it asks the cluster."""
        parameters = workflow.nodes[name]["parameters"]
        url = parameters["url"]
        if KUBERNETES in url:
            return None
        path = re.sub(r"^(=\{\{[^}]*baseUrl \}\}|http://registry-query\.build-system\.svc\.cluster\.local)", "", url)
        self.assertNotEqual(path, url, "the URL does not begin with where registry-query is")
        found = contract.operation(parameters["method"], re.sub(r"\{\{[^}]*\}\}", "{}", path))
        self.assertIsNotNone(found, f"{parameters['method']} {path} is not in the contract")
        return found

    def test_requests_have_only_what_the_contract_has(self):
        asked = set()
        for slug, workflow in self.workflows.items():
            for name in workflow.nodes:
                with self.subTest(slug, node=name):
                    operation = workflow.kind(name) == "httpRequest" and self.operation(workflow, name)
                    if operation:
                        asked.add(operation.name)
                        self.check_request(operation, workflow.nodes[name]["parameters"])
        self.assertEqual(
            asked, {"GET /next/{webapp}", "POST /builds", "GET /builds/{id}", "POST /webhooks/github"})

    def check_request(self, operation, parameters):
        for place, key in (("query", "queryParameters"), ("header", "headerParameters")):
            sent = {item["name"] for item in parameters.get(key, {}).get("parameters", [])}
            # What GitHub sends beside what is needed is passed on as well.
            passed = {name for name in sent if name == "Content-Type" or name.startswith("X-GitHub-")}
            self.assertLessEqual(sent - passed, operation.names(place))
            self.assertLessEqual(operation.names(place, required=True), sent)
        for item in parameters.get("bodyParameters", {}).get("parameters", []):
            self.assertTrue(contract.has(operation.body(), item["name"].split(".")), item["name"])
        scopes = re.findall(r"Scope `(\w+)`", operation.node.get("description", ""))
        self.assertEqual("authentication" in parameters, bool(scopes), "who needs a token has a credential")

    def test_every_field_that_is_read_is_sent(self):
        for slug, workflow in self.workflows.items():
            for name, node in workflow.nodes.items():
                for path, text in workflows.strings(node["parameters"]):
                    if workflow.kind(name) == "stickyNote":
                        continue
                    for reference in expressions.references(text):
                        with self.subTest(slug, node=name, parameter=path, reference=str(reference)):
                            self.check(workflow, name, reference)
        self.assertGreaterEqual(self.checked, 20)

    def check(self, workflow, name, reference):
        if reference.is_node:
            self.assertIn(reference.source, workflow.nodes)
            self.check_output(workflow, reference.source, 0, reference.path)
        elif reference.source == "$json":
            sources = workflow.sources(name)
            self.assertTrue(sources)
            for source, index in sources:
                self.check_output(workflow, source, index, reference.path, reference.optional)
        else:
            known = {"$execution": [["id"], ["resumeUrl"]], "$workflow": [["id"]], "$runIndex": [[]]}
            self.assertIn(reference.path, known[reference.source])

    def check_output(self, workflow, name, index, path, optional=()):
        """Whether an output of a node has a field."""
        if workflow.is_error_output(name, index):
            self.assertEqual(path[0], "error")
            return
        parameters, kind = workflow.nodes[name]["parameters"], workflow.kind(name)
        if kind == "set":
            self.assertIn(path[0], [item["name"] for item in parameters["assignments"]["assignments"]])
        elif kind == "webhook":
            self.assertIn(path[0], WEBHOOK)
        elif kind == "switch":
            for source, output in workflow.sources(name):
                self.check_output(workflow, source, output, path, optional)
        elif kind == "wait":
            # Nothing came in time: what went in comes out, and has no body.
            self.assertEqual(path[0], "body")
            self.checked += 1
            builds = contract.operation("POST", "/builds")
            self.assertTrue(contract.has(builds.callback(), path[1:]), path)
            self.assertFalse(any(contract.has(answer, ["body"]) for answer in builds.answers()))
        elif kind == "httpRequest":
            if parameters["options"].get("response", {}).get("response", {}).get("fullResponse"):
                self.assertIn(path[0], WHOLE)
                return
            operation = self.operation(workflow, name)
            self.assertIsNotNone(operation, "what the cluster answers is not read")
            self.checked += 1
            self.assertTrue(
                any(contract.has(answer, path) for answer in operation.answers()), f"{operation.name} has no {path}")
        else:
            self.fail(f"{kind} has no fields")
