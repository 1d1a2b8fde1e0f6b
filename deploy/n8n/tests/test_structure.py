"""Each workflow is one that n8n imports and shows: complete, connected, without secrets, of known node types."""

import re
import unittest
import uuid

import workflows
from workflows import PREFIX, TRIGGERS, TYPES, ROOT

README = (workflows.FOLDER / "README.md").read_text()


class Structure(unittest.TestCase):
    def setUp(self):
        self.workflows = workflows.every()

    def each(self, check):
        for slug, workflow in self.workflows.items():
            with self.subTest(slug):
                check(workflow)

    def each_node(self, check):
        for slug, workflow in self.workflows.items():
            for name, node in workflow.nodes.items():
                with self.subTest(slug, node=name):
                    check(workflow, name, node)

    def test_there_are_four_and_the_readme_names_them(self):
        self.assertEqual(
            list(self.workflows), ["build-and-wait", "github-push", "next-version", "template-by-n8n"])
        for slug in self.workflows:
            self.assertIn(f"({slug}.json)", README)

    def test_names_and_ids_are_unique(self):
        ids = [node["id"] for workflow in self.workflows.values() for node in workflow.document["nodes"]]
        self.assertEqual(len(ids), len(set(ids)))
        for identifier in ids:
            uuid.UUID(identifier)
        def check(workflow):
            self.assertEqual(len(workflow.nodes), len(workflow.document["nodes"]))
            self.assertLessEqual(set(workflow.document), {"name", "nodes", "connections", "settings", "pinData"})
            self.assertEqual(workflow.document["pinData"], {})
            positions = [tuple(node["position"]) for node in workflow.document["nodes"]]
            self.assertEqual(len(positions), len(set(positions)))

        self.each(check)

    def test_types_versions_and_parameters_are_known(self):
        def check(workflow, name, node):
            self.assertTrue(node["type"].startswith(PREFIX))
            version, seen, _ = TYPES[workflow.kind(name)]
            self.assertEqual(node["typeVersion"], version)
            self.assertIn(version, seen)
            self.assertLessEqual(set(node["parameters"]), workflows.PARAMETERS[workflow.kind(name)])
            self.assertLessEqual(set(node), workflows.MEMBERS)
            self.assertEqual("webhookId" in node, workflow.kind(name) in {"wait", "webhook"})

        self.each_node(check)

    def test_every_connection_leads_somewhere_and_nothing_is_left_over(self):
        def check(workflow):
            for source, kinds in workflow.document["connections"].items():
                self.assertEqual(list(kinds), ["main"])
                for targets in kinds["main"]:
                    self.assertEqual(len(targets), 1, f"an output of {source} leads to {targets}")
                    self.assertEqual((targets[0]["type"], targets[0]["index"]), ("main", 0))
            reached, ahead = set(), [workflow.trigger()]
            while ahead:
                name = ahead.pop()
                self.assertIn(name, workflow.nodes)
                if name not in reached:
                    reached.add(name)
                    ahead += [target for targets in workflow.outputs(name) for target in targets]
            notes = {name for name in workflow.nodes if workflow.kind(name) == "stickyNote"}
            self.assertEqual(reached | notes, set(workflow.nodes))
            self.assertLessEqual(set(workflow.document["connections"]), set(workflow.nodes))

        self.each(check)

    def test_every_branch_ends_in_a_result_or_an_error(self):
        def check(workflow, name, node):
            kind, count = workflow.kind(name), workflow.output_count(name)
            if workflow.outputs(name):
                self.assertEqual(len(workflow.outputs(name)), count, "every output leads to a node")
            else:
                self.assertIn(kind, {"set", "stopAndError", "respondToWebhook", "stickyNote"})
            if kind == "switch":
                self.assertEqual(node["parameters"]["options"]["fallbackOutput"], "extra")

        self.each_node(check)

    def test_there_is_one_trigger_and_one_note_that_says_what_to_set(self):
        def check(workflow):
            kinds = [workflow.kind(name) for name in workflow.nodes]
            self.assertEqual(sum(kind in TRIGGERS for kind in kinds), 1)
            self.assertEqual(kinds.count("stickyNote"), 1)
            (note,) = [node for name, node in workflow.nodes.items() if workflow.kind(name) == "stickyNote"]
            content = note["parameters"]["content"]
            for name, node in workflow.nodes.items():
                if "authentication" in node["parameters"]:
                    self.assertIn(name, content, "the note tells which nodes need a credential")
            if "Settings" in workflow.nodes:
                for setting in workflow.nodes["Settings"]["parameters"]["assignments"]["assignments"]:
                    self.assertIn(f"`{setting['name']}`", content)
            for bold in re.findall(r"\*\*([^*]+)\*\*", content):
                parts = bold.split(" and ")
                known = set(workflow.nodes) | {"registry-query", "GitHub", "Credential"}
                self.assertTrue(set(parts) <= known or bold.startswith("Only "), f"{bold} is no node")

        self.each(check)

    def test_no_credentials_and_no_secrets_are_in_it(self):
        def check(workflow):
            for path, text in workflows.strings(workflow.document):
                self.assertNotIn("credentials", path)
                if not path.endswith(".content"):
                    self.assertNotRegex(text, r"(?i)bearer|whsec_|eyJ", path)

        self.each(check)

    def test_requests_can_fail_in_time_and_are_repeated_only_where_that_is_safe(self):
        def check(workflow, name, node):
            if workflow.kind(name) != "httpRequest":
                return
            parameters = node["parameters"]
            headers = {item["name"] for item in parameters.get("headerParameters", {}).get("parameters", [])}
            self.assertEqual(node["onError"], "continueErrorOutput")
            self.assertEqual(
                node.get("retryOnFail", False), parameters["method"] == "GET" or "Idempotency-Key" in headers)
            query = {item["name"]: item["value"] for item in parameters.get("queryParameters", {}).get("parameters", [])}
            # An answer takes 30 s at most, and as long as it was told to wait. GitHub waits 10 s.
            least = 1000 * (30 + int(query.get("wait", "0s").removesuffix("s")))
            if workflow.kind(workflow.trigger()) == "webhook":
                self.assertLess(8500, parameters["options"]["timeout"])
                self.assertLess(parameters["options"]["timeout"], 10000)
            else:
                self.assertGreater(parameters["options"]["timeout"], least)

        self.each_node(check)

    def test_a_wait_is_called_by_post_and_ends(self):
        waits = [node for workflow in self.workflows.values() for node in workflow.nodes.values()
                 if node["type"] == PREFIX + "wait"]
        self.assertEqual(len(waits), 1)
        parameters = waits[0]["parameters"]
        self.assertEqual((parameters["resume"], parameters["httpMethod"]), ("webhook", "POST"))
        self.assertTrue(parameters["limitWaitTime"])

    def test_the_template_is_the_one_of_the_cluster(self):
        template = (ROOT / "deploy/kubernetes/buildkit-job-template.yaml").read_text()
        values = self.workflows["template-by-n8n"].nodes["Template"]["parameters"]["assignments"]["assignments"]
        self.assertEqual({item["name"]: item["value"] for item in values}["template"], template)
        body = self.workflows["template-by-n8n"].nodes["Create Job"]["parameters"]["body"]
        placeholders = set(re.findall(r"'(\$\{[A-Z_]+\})'", template))
        self.assertEqual(len(placeholders), 5)
        self.assertEqual(set(re.findall(r"\$\{[A-Z_]+\}", body)), placeholders)
        self.assertEqual(body.count("replaceAll("), 5)

    def test_signatures_survive_the_way_through(self):
        workflow = self.workflows["github-push"]
        self.assertIs(workflow.nodes["GitHub"]["parameters"]["options"].get("rawBody"), True)
        self.assertEqual(workflow.outputs("GitHub"), [["Pass on"]])
        parameters = workflow.nodes["Pass on"]["parameters"]
        self.assertEqual((parameters["contentType"], parameters["inputDataFieldName"]), ("binaryData", "data"))
        sent = {item["name"]: item["value"] for item in parameters["headerParameters"]["parameters"]}
        self.assertEqual(
            set(sent),
            {"Content-Type", "X-GitHub-Event", "X-GitHub-Delivery", "X-GitHub-Hook-ID", "X-Hub-Signature-256"})
        for name, value in sent.items():
            self.assertEqual(value, "={{ $json.headers['%s'] ?? '' }}" % name.lower())
