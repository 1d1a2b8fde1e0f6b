"""Adds up what Pods request and may use, the way a ResourceQuota counts it."""

from decimal import Decimal

_UNITS = {
    "": 1,
    "m": Decimal("0.001"),
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}


def quantity(text):
    """The number that a quantity such as `500m` or `2Gi` stands for."""
    text = str(text)
    number = text.rstrip("kmMGTi")
    return Decimal(number) * _UNITS[text[len(number) :]]


def with_defaults(container, limit_range):
    """Requests and limits of a container after the LimitRange has seen it: {"requests": {...}, "limits": {...}}."""
    given = container.get("resources", {})
    limits = {**limit_range["default"], **given.get("limits", {})}
    # Kubernetes itself takes a limit for the request where there is none; that comes before the LimitRange.
    requests = {**limit_range["defaultRequest"], **given.get("limits", {}), **given.get("requests", {})}
    return {"requests": _numbers(requests), "limits": _numbers(limits)}


def pod(spec, limit_range):
    """What a Pod counts as: the sum of its containers, or one init container if that is more.

    The keys are those of a quota, such as `limits.cpu`.
    """

    def totals(containers, together):
        return {
            f"{side}.{resource}": together(with_defaults(item, limit_range)[side][resource] for item in containers)
            for side in ("requests", "limits")
            for resource in ("cpu", "memory", "ephemeral-storage")
        }

    regular = totals(spec["containers"], sum)
    if not spec.get("initContainers"):
        return regular
    if any("restartPolicy" in item for item in spec["initContainers"]):
        raise ValueError("sidecar containers are not known here")
    initial = totals(spec["initContainers"], max)
    return {key: max(regular[key], initial[key]) for key in regular}


def _numbers(resources):
    return {key: quantity(value) for key, value in resources.items()}
