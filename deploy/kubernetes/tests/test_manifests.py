"""Checks the objects that `kubectl apply -k` would send, as they are and with each component."""

import re
import tempfile
import unittest
from pathlib import Path

import kubernetes_validate
import yaml

import rendering
from checks_objects import ObjectChecks
from checks_pods import PodChecks
from checks_rights import RightsChecks
from checks_settings import SettingsChecks
from rendering import Manifests

# What must hold for every way to render.
CHECKS = (ObjectChecks, RightsChecks, SettingsChecks, PodChecks)


class Base(*CHECKS, unittest.TestCase):
    BUILDS_AT_ONCE = 3

    @classmethod
    def setUpClass(cls):
        cls.manifests = Manifests(rendering.render(rendering.KUBERNETES), rendering.TEMPLATE)


def render_with(component):
    """The objects with one of the components."""
    with tempfile.TemporaryDirectory() as name:
        overlay = Path(name) / "overlay"
        overlay.mkdir()
        (overlay / "base").symlink_to(rendering.KUBERNETES)
        (overlay / "kustomization.yaml").write_text(
            yaml.safe_dump({"resources": ["base"], "components": [f"base/components/{component}"]})
        )
        return rendering.render(overlay)


class Rootless(*CHECKS, unittest.TestCase):
    BUILDS_AT_ONCE = 3

    @classmethod
    def setUpClass(cls):
        cls.manifests = Manifests(render_with("rootless"), rendering.ROOTLESS / "buildkit-job-template.yaml")

    def test_no_container_is_privileged(self):
        for container in (
            self.manifests.build_pod["spec"]["initContainers"] + self.manifests.build_pod["spec"]["containers"]
        ):
            self.assertFalse(container["securityContext"].get("privileged", False), container["name"])


class TokenReview(*CHECKS, unittest.TestCase):
    BUILDS_AT_ONCE = 3
    ADDED_OBJECTS = (
        ("ClusterRole", "registry-query-token-review"),
        ("ClusterRoleBinding", "registry-query-token-review"),
    )
    # And not subjectaccessreviews, which system:auth-delegator has, too.
    CLUSTER_RIGHTS = frozenset({("authentication.k8s.io", "tokenreviews", None, "create")})

    @classmethod
    def setUpClass(cls):
        cls.manifests = Manifests(render_with("token-review"), rendering.TEMPLATE)

    def test_it_adds_two_settings_and_changes_none(self):
        plain = Manifests(rendering.render(rendering.KUBERNETES), rendering.TEMPLATE).settings
        added = {"API_SERVICE_ACCOUNTS": "automation/n8n:read,build", "API_TOKEN_AUDIENCE": "registry-query"}
        self.assertEqual(self.manifests.settings, {**plain, **added})

    def test_the_audience_is_the_one_that_the_program_takes_by_default(self):
        text = (rendering.ROOT / "Sources" / "RegistryQueryAPI" / "ServiceAccounts.swift").read_text()
        self.assertEqual(
            re.findall(r'audience: String = "([^"]+)"', text), [self.manifests.settings["API_TOKEN_AUDIENCE"]]
        )

    def test_the_example_is_a_pod_whose_token_is_for_registry_query(self):
        text = (rendering.KUBERNETES / "components" / "token-review" / "kustomization.yaml").read_text()
        example = "\n".join(re.findall(r"^#   ( *\S.*)$", text, re.MULTILINE))
        spec = yaml.safe_load(example)["spec"]
        spec["containers"][0]["image"] = "n8n:1"
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "n8n"}, "spec": spec}
        kubernetes_validate.validate(pod, rendering.KUBERNETES_VERSION, strict=True)
        (volume,) = spec["volumes"]
        (source,) = volume["projected"]["sources"]
        self.assertEqual(source["serviceAccountToken"]["audience"], self.manifests.settings["API_TOKEN_AUDIENCE"])
        # Less is refused by the API server.
        self.assertGreaterEqual(source["serviceAccountToken"]["expirationSeconds"], 600)
        account = self.manifests.settings["API_SERVICE_ACCOUNTS"].partition(":")[0]
        self.assertEqual(account, f"automation/{spec['serviceAccountName']}")
        (mount,) = spec["containers"][0]["volumeMounts"]
        self.assertEqual((mount["name"], mount["readOnly"]), (volume["name"], True))
