"""What the NetworkPolicies allow, connection by connection."""

import unittest

import rendering
from network import Endpoint, verdict
from rendering import Manifests


def _endpoints():
    manifests = Manifests(rendering.render(rendering.KUBERNETES), rendering.TEMPLATE)
    service = Endpoint("10.42.1.10", "build-system", manifests.pod["metadata"]["labels"])
    build = Endpoint("10.42.1.20", "build-system", manifests.build_pod["metadata"]["labels"])
    return manifests.all("NetworkPolicy"), service, build


POLICIES, SERVICE, BUILD = _endpoints()
EXAMPLES = rendering.documents(rendering.KUBERNETES / "examples" / "network-policies.yaml")

N8N = Endpoint("10.42.2.10", "automation", {"app.kubernetes.io/name": "n8n"})
NEIGHBOUR = Endpoint("10.42.1.30", "build-system", {"run": "curl"})
# A builder that the policy for builds does not select.
OTHER_BUILDER = Endpoint("10.42.1.40", "build-system", {"app.kubernetes.io/component": "builder"})
STRANGER = Endpoint("10.42.3.10", "default", {"app": "web"})
REGISTRY = Endpoint("10.42.4.10", "registry", {"app": "docker-registry"})
COREDNS = Endpoint("10.42.5.10", "kube-system", {"k8s-app": "kube-dns"})
PROMETHEUS = Endpoint("10.42.6.10", "monitoring", {"app.kubernetes.io/name": "prometheus"})
GATEWAY = Endpoint("10.42.7.10", "istio-ingress", {"gateway.networking.k8s.io/gateway-name": "internal"})
# Not Pods: nodes, where the API server is, and the rest of the world.
API_SERVER = Endpoint("192.168.1.10")
API_SERVICE = Endpoint("10.43.0.1")
AMBIENT_PROBE = Endpoint("169.254.7.127")
LOCAL_DNS = Endpoint("169.254.20.10")
METADATA = Endpoint("169.254.169.254")
ROUTER = Endpoint("192.168.1.1")
LOCAL_REGISTRY = Endpoint("192.168.1.20")
GITHUB = Endpoint("140.82.121.3")
GITHUB_V6 = Endpoint("2606:50c0:8000::154")
LOCAL_V6 = Endpoint("fd00:ec2::254")

CASES = [
    # Who calls registry-query.
    ("allowed", N8N, SERVICE, 8080, "TCP"),
    ("allowed", N8N, SERVICE, 15008, "TCP"),
    ("allowed", NEIGHBOUR, SERVICE, 8080, "TCP"),
    ("allowed", REGISTRY, SERVICE, 8080, "TCP"),
    ("denied", REGISTRY, SERVICE, 9090, "TCP"),
    ("allowed", AMBIENT_PROBE, SERVICE, 8080, "TCP"),
    ("denied", N8N, SERVICE, 9090, "TCP"),
    ("denied", STRANGER, SERVICE, 8080, "TCP"),
    ("denied", STRANGER, SERVICE, 15008, "TCP"),
    ("denied", PROMETHEUS, SERVICE, 8080, "TCP"),
    ("denied", GATEWAY, SERVICE, 8080, "TCP"),
    ("denied", GITHUB, SERVICE, 8080, "TCP"),
    ("denied", BUILD, SERVICE, 8080, "TCP"),
    ("denied", BUILD, SERVICE, 15008, "TCP"),
    ("denied", OTHER_BUILDER, SERVICE, 8080, "TCP"),
    # Where registry-query goes.
    ("allowed", SERVICE, COREDNS, 53, "UDP"),
    ("allowed", SERVICE, COREDNS, 53, "TCP"),
    ("allowed", SERVICE, LOCAL_DNS, 53, "UDP"),
    ("allowed", SERVICE, API_SERVER, 6443, "TCP"),
    ("allowed", SERVICE, API_SERVICE, 443, "TCP"),
    ("allowed", SERVICE, REGISTRY, 5000, "TCP"),
    ("allowed", SERVICE, REGISTRY, 15008, "TCP"),
    ("allowed", SERVICE, GATEWAY, 443, "TCP"),
    ("allowed", SERVICE, GITHUB, 443, "TCP"),
    ("allowed", SERVICE, N8N, 5678, "TCP"),
    ("allowed", SERVICE, N8N, 15008, "TCP"),
    ("denied", SERVICE, METADATA, 80, "TCP"),
    ("denied", SERVICE, STRANGER, 80, "TCP"),
    ("denied", SERVICE, STRANGER, 15008, "TCP"),
    ("denied", SERVICE, REGISTRY, 22, "TCP"),
    ("denied", SERVICE, N8N, 22, "TCP"),
    ("denied", SERVICE, GITHUB, 22, "TCP"),
    ("denied", SERVICE, GITHUB, 53, "UDP"),
    # Where builds go.
    ("allowed", BUILD, COREDNS, 53, "UDP"),
    ("allowed", BUILD, COREDNS, 53, "TCP"),
    ("allowed", BUILD, LOCAL_DNS, 53, "UDP"),
    ("allowed", BUILD, REGISTRY, 5000, "TCP"),
    ("allowed", BUILD, REGISTRY, 15008, "TCP"),
    ("allowed", BUILD, GITHUB, 443, "TCP"),
    ("allowed", BUILD, GITHUB, 80, "TCP"),
    ("allowed", BUILD, GITHUB, 22, "TCP"),
    ("allowed", BUILD, GITHUB_V6, 443, "TCP"),
    ("denied", BUILD, REGISTRY, 22, "TCP"),
    ("denied", BUILD, COREDNS, 8080, "TCP"),
    ("denied", BUILD, API_SERVER, 6443, "TCP"),
    ("denied", BUILD, METADATA, 80, "TCP"),
    ("denied", BUILD, METADATA, 443, "TCP"),
    ("denied", BUILD, LOCAL_V6, 80, "TCP"),
    ("denied", BUILD, LOCAL_V6, 443, "TCP"),
    ("denied", BUILD, ROUTER, 80, "TCP"),
    # The registry by the name in image references, on the local network or behind a gateway.
    ("allowed", BUILD, LOCAL_REGISTRY, 443, "TCP"),
    ("allowed", BUILD, GATEWAY, 443, "TCP"),
    ("allowed", BUILD, GATEWAY, 8443, "TCP"),
    ("denied", BUILD, GITHUB, 8443, "TCP"),
    ("denied", BUILD, LOCAL_REGISTRY, 80, "TCP"),
    ("denied", BUILD, GATEWAY, 80, "TCP"),
    ("denied", BUILD, GATEWAY, 15008, "TCP"),
    ("denied", BUILD, ROUTER, 22, "TCP"),
    ("denied", BUILD, N8N, 5678, "TCP"),
    ("denied", BUILD, STRANGER, 80, "TCP"),
    ("denied", BUILD, STRANGER, 15008, "TCP"),
    ("denied", BUILD, GITHUB, 25, "TCP"),
    ("denied", BUILD, GITHUB, 53, "UDP"),
    ("denied", BUILD, GITHUB, 443, "UDP"),
    # Nobody calls a build.
    ("denied", STRANGER, BUILD, 8080, "TCP"),
    ("denied", SERVICE, BUILD, 443, "TCP"),
    ("denied", NEIGHBOUR, BUILD, 80, "TCP"),
    ("denied", BUILD, BUILD, 80, "TCP"),
]

# With the examples beside them.
BESIDE_IT = Endpoint("192.168.1.21")
WITH_EXAMPLES = [
    ("allowed", GATEWAY, SERVICE, 8080, "TCP"),
    ("allowed", GATEWAY, SERVICE, 15008, "TCP"),
    ("allowed", N8N, SERVICE, 8080, "TCP"),
    ("denied", STRANGER, SERVICE, 8080, "TCP"),
    ("denied", BUILD, SERVICE, 8080, "TCP"),
    ("allowed", BUILD, LOCAL_REGISTRY, 443, "TCP"),
    ("allowed", BUILD, LOCAL_REGISTRY, 22, "TCP"),
    ("denied", BUILD, LOCAL_REGISTRY, 80, "TCP"),
    ("denied", BUILD, BESIDE_IT, 22, "TCP"),
    ("allowed", BUILD, GATEWAY, 15008, "TCP"),
    ("denied", BUILD, API_SERVER, 6443, "TCP"),
]


class NetworkPolicies(unittest.TestCase):
    def check(self, policies, cases):
        for expected, source, destination, port, protocol in cases:
            with self.subTest(source=source, destination=destination, port=port, protocol=protocol):
                self.assertEqual(verdict(policies, source, destination, port, protocol), expected)

    def test_connections(self):
        self.check(POLICIES, CASES)

    def test_connections_with_the_examples(self):
        self.check(POLICIES + EXAMPLES, WITH_EXAMPLES)

    def test_without_policies_everything_is_allowed(self):
        # Otherwise a denial above would say nothing.
        self.assertEqual(
            {verdict([], source, to, port, protocol) for _, source, to, port, protocol in CASES}, {"allowed"}
        )
