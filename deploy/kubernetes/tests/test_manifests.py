"""Checks the objects that `kubectl apply -k` would send, as they are and with the component for rootless builds."""

import tempfile
import unittest
from pathlib import Path

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


class Rootless(*CHECKS, unittest.TestCase):
    BUILDS_AT_ONCE = 3

    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as name:
            overlay = Path(name) / "overlay"
            overlay.mkdir()
            (overlay / "base").symlink_to(rendering.KUBERNETES)
            (overlay / "kustomization.yaml").write_text(
                yaml.safe_dump({"resources": ["base"], "components": ["base/components/rootless"]})
            )
            objects = rendering.render(overlay)
        cls.manifests = Manifests(objects, rendering.ROOTLESS / "buildkit-job-template.yaml")

    def test_no_container_is_privileged(self):
        for container in (
            self.manifests.build_pod["spec"]["initContainers"] + self.manifests.build_pod["spec"]["containers"]
        ):
            self.assertFalse(container["securityContext"].get("privileged", False), container["name"])
