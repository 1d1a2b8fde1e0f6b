"""The service's contract: which requests there are, and what they answer."""

import re
import textwrap

import yaml

from workflows import ROOT

SOURCE = ROOT / "Sources/RegistryQueryAPI/OpenAPIDocument.swift"


def _document():
    text = SOURCE.read_text()
    return yaml.safe_load(textwrap.dedent(text[text.index('#"""\n') + 5 : text.rindex('"""#')]))


DOCUMENT = _document()


def resolved(node):
    while isinstance(node, dict) and "$ref" in node:
        target = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


class Operation:
    """One method on one path."""

    def __init__(self, method, path):
        item = DOCUMENT["paths"][path]
        self.name = f"{method} {path}"
        self.node = item[method.lower()]
        self.parameters = [resolved(parameter) for parameter in item.get("parameters", []) + self.node.get("parameters", [])]

    def names(self, place, required=False):
        """The parameters in the query or among the headers; only those that must be there, if so asked."""
        return {
            parameter["name"]
            for parameter in self.parameters
            if parameter["in"] == place and (parameter.get("required") or not required)
        }

    def body(self):
        """The schema of the request's body."""
        content = resolved(self.node["requestBody"])["content"]
        return resolved(content["application/json"]["schema"])

    def answers(self):
        """The schemas of the answers of success."""
        found = []
        for status, response in self.node["responses"].items():
            if status.startswith("2"):
                found.append(resolved(resolved(response)["content"]["application/json"]["schema"]))
        return found

    def callback(self):
        """The schema of what is sent to a callbackUrl."""
        (callback,) = self.node["callbacks"].values()
        (item,) = resolved(callback).values()
        return resolved(item["post"]["requestBody"]["content"]["application/json"]["schema"])


def operation(method, path):
    """The operation of a path in which `{}` stands for each value that is filled in; `None` if there is none."""
    for candidate in DOCUMENT["paths"]:
        if re.sub(r"\{[^}]*\}", "{}", candidate) == path and method.lower() in DOCUMENT["paths"][candidate]:
            return Operation(method, candidate)
    return None


def has(schema, path):
    """Whether a schema names what a path of members leads to."""
    schema = resolved(schema)
    if not path:
        return True
    if path[0] in schema.get("properties", {}):
        return has(schema["properties"][path[0]], path[1:])
    return any(has(child, path) for key in ("oneOf", "anyOf", "allOf") for child in schema.get(key, []))
