"""The part of n8n's expressions that the workflows use: read, listed and evaluated.

A parameter that begins with "=" is a text with expressions in {{ }}. Within them there are $json, $('Node').first().json,
$execution, $workflow and $runIndex; members by .name, ?.name and ['name']; texts, numbers, ?? and .replaceAll(a, b).
Anything else is an error: what is not understood here is not in the workflows.
"""

import re

TOKEN = re.compile(r"""\s*(?:
    (?P<node>\$\('(?P<name>[^']+)'\)\.first\(\)\.json)
  | (?P<root>\$(?:json|execution|workflow|runIndex)\b)
  | (?P<text>'[^'\\]*')
  | (?P<number>\d+)
  | (?P<coalesce>\?\?)
  | (?P<call>\.replaceAll\()
  | (?P<member>\??\.(?P<key>[A-Za-z_]\w*))
  | (?P<index>\['(?P<quoted>[^']+)'\])
  | (?P<comma>,)
  | (?P<close>\))
)""", re.VERBOSE)


class ExpressionError(Exception):
    """An expression that is not understood, or that has no value."""


class Undefined:
    """What JavaScript calls undefined: a member that is not there."""

    def __repr__(self):
        return "undefined"


UNDEFINED = Undefined()


class Reference:
    """What an expression reads: `source` is "$json", "$execution", ... or the name of a node."""

    def __init__(self, source, is_node):
        self.source, self.is_node, self.path, self.optional = source, is_node, [], []

    def __repr__(self):
        start = f"$('{self.source}')" if self.is_node else self.source
        return ".".join([start] + self.path)


def parts(parameter):
    """The texts and the parsed expressions that a parameter consists of."""
    if not isinstance(parameter, str) or not parameter.startswith("="):
        return [parameter]
    found = []
    for index, piece in enumerate(re.split(r"\{\{(.*?)\}\}(?!\})", parameter[1:], flags=re.DOTALL)):
        if index % 2:
            found.append(_parse(piece))
        elif piece:
            found.append(piece)
    return found


def references(parameter):
    """All that a parameter reads."""
    found = []

    def visit(tree):
        if isinstance(tree, Reference):
            found.append(tree)
        elif isinstance(tree, tuple):
            for child in tree[1:]:
                visit(child)

    for part in parts(parameter):
        visit(part)
    return found


def evaluate(parameter, lookup):
    """The value of a parameter. `lookup(reference)` answers what its source is."""
    pieces = parts(parameter)
    if len(pieces) == 1:
        return _value(pieces[0], lookup)
    texts = []
    for piece in pieces:
        value = _value(piece, lookup)
        if value is UNDEFINED or isinstance(value, (dict, list)):
            raise ExpressionError(f"{piece} in {parameter[:200]!r} is {value!r}, which is no text")
        texts.append("" if value is None else str(value))
    return "".join(texts)


def _parse(text):
    tokens, position = [], 0
    text = text.strip()
    while position < len(text):
        match = TOKEN.match(text, position)
        if not match:
            raise ExpressionError(f"not understood: {text[position:position + 60]!r}")
        tokens.append(match)
        position = match.end()
    tree, rest = _coalesce(tokens, text)
    if rest:
        raise ExpressionError(f"not understood after its end: {text!r}")
    return tree


def _coalesce(tokens, text):
    tree, tokens = _operand(tokens, text)
    while tokens and tokens[0]["coalesce"]:
        other, tokens = _operand(tokens[1:], text)
        tree = ("coalesce", tree, other)
    return tree, tokens


def _operand(tokens, text):
    if not tokens:
        raise ExpressionError(f"something is missing in {text!r}")
    first, tokens = tokens[0], tokens[1:]
    if first["text"]:
        tree = ("literal", first["text"][1:-1])
    elif first["number"]:
        tree = ("literal", int(first["number"]))
    elif first["node"] or first["root"]:
        tree = Reference(first["name"] or first["root"], bool(first["node"]))
        while tokens and (tokens[0]["member"] or tokens[0]["index"]):
            tree.path.append(tokens[0]["key"] or tokens[0]["quoted"])
            tree.optional.append((tokens[0]["member"] or "").startswith("?"))
            tokens = tokens[1:]
    else:
        raise ExpressionError(f"not understood: {text!r}")
    while tokens and tokens[0]["call"]:
        old, tokens = _coalesce(tokens[1:], text)
        if not tokens or not tokens[0]["comma"]:
            raise ExpressionError(f"replaceAll has two arguments: {text!r}")
        new, tokens = _coalesce(tokens[1:], text)
        if not tokens or not tokens[0]["close"]:
            raise ExpressionError(f"a parenthesis is open: {text!r}")
        tokens = tokens[1:]
        tree = ("replace", tree, old, new)
    return tree, tokens


def _value(tree, lookup):
    if isinstance(tree, Reference):
        value = lookup(tree)
        for key, is_optional in zip(tree.path, tree.optional):
            if value is None or value is UNDEFINED:
                if is_optional:
                    return UNDEFINED
                raise ExpressionError(f"{tree}: {key} of {value!r}")
            value = value.get(key, UNDEFINED) if isinstance(value, dict) else UNDEFINED
        return value
    if not isinstance(tree, tuple):
        return tree
    kind, *children = tree
    if kind == "literal":
        return children[0]
    values = [_value(child, lookup) for child in children] if kind == "replace" else []
    if kind == "replace":
        if not all(isinstance(value, str) for value in values):
            raise ExpressionError(f"replaceAll works on texts, not on {values!r:.200}")
        return values[0].replace(values[1], values[2])
    left = _value(children[0], lookup)
    return _value(children[1], lookup) if left is None or left is UNDEFINED else left
