"""The workflows, and what is known of n8n's node types."""

import json
import pathlib

FOLDER = pathlib.Path(__file__).resolve().parents[1]
ROOT = FOLDER.parents[1]

PREFIX = "n8n-nodes-base."
# The node types that the workflows use: the version they have, the versions that n8n's sources had when this was written (all
# in n8n-io/n8n below packages/nodes-base/nodes), and how many outputs there are. A switch has one for each rule, and one more.
TYPES = {
    # HttpRequest/V3/HttpRequestV3.node.ts
    "httpRequest": (4.2, [3, 4, 4.1, 4.2, 4.3, 4.4], 1),
    # ManualTrigger/ManualTrigger.node.ts
    "manualTrigger": (1, [1], 1),
    # RespondToWebhook/RespondToWebhook.node.ts
    "respondToWebhook": (1.1, [1, 1.1, 1.2, 1.3, 1.4, 1.5], 1),
    # Set/Set.node.ts
    "set": (3.4, [1, 2, 3, 3.1, 3.2, 3.3, 3.4], 1),
    # StickyNote/StickyNote.node.ts
    "stickyNote": (1, [1], 0),
    # StopAndError/StopAndError.node.ts
    "stopAndError": (1, [1], 0),
    # Switch/Switch.node.ts
    "switch": (3.2, [1, 2, 3, 3.1, 3.2, 3.3, 3.4], None),
    # Wait/Wait.node.ts
    "wait": (1.1, [1, 1.1], 1),
    # Webhook/Webhook.node.ts
    "webhook": (2, [1, 1.1, 2, 2.1], 1),
}
TRIGGERS = {"manualTrigger", "webhook"}
# The parameters that each type has, as far as they are used; from the same files, HttpRequest/V3/Description.ts and
# Webhook/description.ts.
PARAMETERS = {
    "httpRequest": {
        "method", "url", "authentication", "genericAuthType", "sendQuery", "queryParameters", "sendHeaders",
        "headerParameters", "sendBody", "contentType", "specifyBody", "bodyParameters", "inputDataFieldName",
        "rawContentType", "body", "options",
    },
    "manualTrigger": set(),
    "respondToWebhook": {"respondWith", "responseBody", "options"},
    "set": {"assignments", "options"},
    "stickyNote": {"content", "width", "height"},
    "stopAndError": {"errorMessage"},
    "switch": {"rules", "options"},
    "wait": {
        "resume", "incomingAuthentication", "httpMethod", "responseMode", "limitWaitTime", "limitType", "resumeAmount",
        "resumeUnit", "options",
    },
    "webhook": {"httpMethod", "path", "responseMode", "options"},
}
# What a node has beside its parameters.
MEMBERS = {
    "id", "name", "type", "typeVersion", "position", "parameters", "webhookId", "retryOnFail", "maxTries",
    "waitBetweenTries", "onError",
}


class Workflow:
    """A workflow as it is imported."""

    def __init__(self, path):
        self.path = path
        self.document = json.loads(path.read_text())
        self.nodes = {node["name"]: node for node in self.document["nodes"]}

    def kind(self, name):
        return self.nodes[name]["type"].removeprefix(PREFIX)

    def outputs(self, name):
        """The names of the nodes that each output leads to."""
        found = self.document["connections"].get(name, {}).get("main", [])
        return [[target["node"] for target in targets] for targets in found]

    def output_count(self, name):
        """How many outputs a node has."""
        node = self.nodes[name]
        count = TYPES[self.kind(name)][2]
        if count is None:
            extra = node["parameters"]["options"].get("fallbackOutput") == "extra"
            count = len(node["parameters"]["rules"]["values"]) + extra
        return count + (node.get("onError") == "continueErrorOutput")

    def is_error_output(self, name, index):
        return self.nodes[name].get("onError") == "continueErrorOutput" and index == self.output_count(name) - 1

    def sources(self, name):
        """The nodes that lead to a node, with the index of the output."""
        return [
            (source, index)
            for source in self.nodes
            for index, targets in enumerate(self.outputs(source))
            if name in targets
        ]

    def trigger(self):
        return next(name for name in self.nodes if self.kind(name) in TRIGGERS)


def every():
    """All workflows, by the name of the file."""
    return {path.stem: Workflow(path) for path in sorted(FOLDER.glob("*.json"))}


def strings(value, path=""):
    """All texts in a value, each with where it is."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from strings(child, f"{path}.{key}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from strings(child, f"{path}[{index}]")
