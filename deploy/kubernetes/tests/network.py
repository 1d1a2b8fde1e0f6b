"""Says what NetworkPolicies allow.

Only what these policies use is known; anything else is an error, so that no rule is ever passed over.
"""

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Optional


@dataclass(frozen=True)
class Endpoint:
    """One end of a connection: a Pod, if it has a namespace, else something outside of the cluster's Pods."""

    address: str
    namespace: Optional[str] = None
    labels: dict = field(default_factory=dict)

    @property
    def namespace_labels(self):
        return {"kubernetes.io/metadata.name": self.namespace}


def selects(selector, labels):
    """Whether a label selector selects these labels; an empty one selects everything."""
    _know(selector, {"matchLabels", "matchExpressions"})
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for expression in selector.get("matchExpressions", []):
        key, operator, values = expression["key"], expression["operator"], expression.get("values", [])
        if operator == "In":
            holds = labels.get(key) in values
        elif operator == "NotIn":
            holds = labels.get(key) not in values
        elif operator == "Exists":
            holds = key in labels
        elif operator == "DoesNotExist":
            holds = key not in labels
        else:
            raise ValueError(f"unknown operator {operator}")
        if not holds:
            return False
    return True


def verdict(policies, source, destination, port, protocol="TCP"):
    """`allowed` or `denied`.

    Whether an address range also means Pods with such an address differs between CNI plug-ins; where it matters, the
    answer is `depends`.
    """
    answers = {
        _allows(policies, source, destination, port, protocol, blocks_match_pods) for blocks_match_pods in (True, False)
    }
    if len(answers) == 2:
        return "depends"
    return "allowed" if answers.pop() else "denied"


def _allows(policies, source, destination, port, protocol, blocks_match_pods):
    def side(direction, subject, peer, rules, peers):
        relevant = [policy for policy in policies if _isolates(policy, subject, direction)]
        return not relevant or any(
            _rule_matches(rule, peers, policy["metadata"]["namespace"], peer, port, protocol, blocks_match_pods)
            for policy in relevant
            for rule in policy["spec"].get(rules) or []
        )

    return side("Egress", source, destination, "egress", "to") and side(
        "Ingress", destination, source, "ingress", "from"
    )


def _isolates(policy, endpoint, direction):
    spec = policy["spec"]
    _know(spec, {"podSelector", "policyTypes", "ingress", "egress"})
    return (
        endpoint.namespace == policy["metadata"]["namespace"]
        and direction in spec["policyTypes"]
        and selects(spec["podSelector"], endpoint.labels)
    )


def _rule_matches(rule, peers, namespace, endpoint, port, protocol, blocks_match_pods):
    _know(rule, {peers, "ports"})
    if "ports" in rule and not any(_port_matches(item, port, protocol) for item in rule["ports"]):
        return False
    return peers not in rule or any(_peer_matches(peer, namespace, endpoint, blocks_match_pods) for peer in rule[peers])


def _port_matches(item, port, protocol):
    _know(item, {"protocol", "port"})
    return item["protocol"] == protocol and item["port"] == port


def _peer_matches(peer, namespace, endpoint, blocks_match_pods):
    _know(peer, {"namespaceSelector", "podSelector", "ipBlock"})
    if "ipBlock" in peer:
        if len(peer) > 1:
            raise ValueError("ipBlock excludes selectors")
        _know(peer["ipBlock"], {"cidr", "except"})
        address = ip_address(endpoint.address)
        return (
            (endpoint.namespace is None or blocks_match_pods)
            and address in ip_network(peer["ipBlock"]["cidr"])
            and not any(address in ip_network(block) for block in peer["ipBlock"].get("except", []))
        )
    if endpoint.namespace is None:
        return False
    if "namespaceSelector" in peer:
        if not selects(peer["namespaceSelector"], endpoint.namespace_labels):
            return False
    elif endpoint.namespace != namespace:
        return False
    return selects(peer.get("podSelector", {}), endpoint.labels)


def _know(mapping, keys):
    unknown = set(mapping) - keys
    if unknown:
        raise ValueError(f"unknown fields {sorted(unknown)}")
