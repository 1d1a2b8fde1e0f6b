"""Which metrics and labels an expression of Prometheus uses. It reads as much of the language as is in use."""

import re
from dataclasses import dataclass

WORDS = {"and", "or", "unless", "on", "by", "offset", "bool"}
FUNCTIONS = {
    "absent", "count", "histogram_quantile", "increase", "max", "rate", "round", "sort_desc", "sum", "time", "topk",
    "vector",
}  # fmt: skip
NAME = r"[A-Za-z_:][A-Za-z0-9_:]*"
MATCHER = re.compile(rf'\s*({NAME})\s*(=~|!~|!=|=)\s*"([^"]*)"\s*(?:,|$)')


@dataclass(frozen=True)
class Matcher:
    label: str
    operator: str
    value: str

    @property
    def values(self):
        """The plain values that it names; those of a real regular expression are nobody's."""
        values = self.value.split("|") if "~" in self.operator else [self.value]
        return [value for value in values if not set(value) & set(".*+?[](){}$\\")]


@dataclass(frozen=True)
class Use:
    """A metric with its matchers, as it stands in an expression."""

    metric: str
    matchers: tuple


@dataclass(frozen=True)
class Expression:
    uses: tuple
    # The labels that are grouped or matched by.
    groupings: frozenset


def read(text):
    """Takes an expression apart; whatever is not known is an error."""
    uses, groupings, rest = [], set(), text
    for match in re.finditer(rf"({NAME})\s*\{{([^}}]*)\}}", text):
        uses.append(Use(match[1], _matchers(match[2])))
    rest = re.sub(rf"{NAME}\s*\{{[^}}]*\}}", " ", rest)
    for match in re.finditer(r"\b(?:by|on)\s*\(([^)]*)\)", rest):
        groupings |= {label.strip() for label in match[1].split(",")}
    rest = re.sub(r"\b(?:by|on)\s*\([^)]*\)", " ", rest)
    rest = re.sub(r"\[[^\]]*\]", " ", rest)
    for match in re.finditer(NAME, rest):
        is_called = rest[match.end() :].lstrip().startswith("(")
        if match[0] in WORDS or (is_called and match[0] in FUNCTIONS):
            continue
        if is_called:
            raise ValueError(f"{match[0]} is not known here: {text}")
        uses.append(Use(match[0], ()))
    if not uses:
        raise ValueError(f"no metric is in {text}")
    return Expression(tuple(uses), frozenset(groupings))


def _matchers(text):
    found, position = [], 0
    while text[position:].strip():
        match = MATCHER.match(text, position)
        if not match:
            raise ValueError(f"no matchers: {text}")
        found.append(Matcher(match[1], match[2], match[3]))
        position = match.end()
    return tuple(found)
