"""What Pods may, what they run, and what they need of the nodes."""

import re

import resources
from rendering import NAMESPACE, ROOT, Manifests, source_text


class PodChecks:
    manifests: Manifests
    # How many builds the quota has room for.
    BUILDS_AT_ONCE: int

    def test_registry_query_keeps_to_the_restricted_pod_security_standard(self):
        spec = self.manifests.pod["spec"]
        for field in ("hostNetwork", "hostPID", "hostIPC", "hostUsers", "initContainers", "ephemeralContainers"):
            self.assertNotIn(field, spec)
        for volume in spec["volumes"]:
            self.assertLessEqual(set(volume), {"name", "secret", "configMap"})
        self.assertIs(spec["securityContext"]["runAsNonRoot"], True)
        user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        for field, number in (("runAsUser", user[1]), ("runAsGroup", user[2]), ("fsGroup", user[2])):
            self.assertEqual(spec["securityContext"][field], int(number))
            self.assertGreater(int(number), 0)
        self.assertEqual(spec["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
        # Beyond the standard: the root file system, and no variable for each Service of the namespace.
        self.assertEqual(
            self.manifests.container["securityContext"],
            {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
        )
        self.assertIs(spec["enableServiceLinks"], False)
        self.assertFalse([port for port in self.manifests.container["ports"] if "hostPort" in port])

    def test_the_namespace_admits_builds(self):
        labels = self.manifests.one("Namespace", NAMESPACE)["metadata"]["labels"]
        for mode in ("enforce", "warn", "audit"):
            self.assertEqual(labels[f"pod-security.kubernetes.io/{mode}"], "privileged")

    def test_images_have_fixed_tags(self):
        build = self.manifests.build_pod["spec"]
        images = [item["image"] for item in [self.manifests.container, *build["initContainers"], *build["containers"]]]
        for image in images:
            self.assertRegex(
                image, r"^[a-z0-9.-]+(:[0-9]+)?/[a-z0-9./_-]+:v?[0-9]+\.[0-9]+[\w.-]*(@sha256:[0-9a-f]{64})?$"
            )
        version = re.search(r'static let version = "([^"]+)"', source_text("RegistryQuery.swift")).group(1)
        self.assertTrue(images[0].endswith(f"/registry-query:{version}"), f"{images[0]} is not version {version}")

    def test_every_container_fits_the_limit_range(self):
        (limits,) = self.manifests.one("LimitRange", "build-system")["spec"]["limits"]
        self.assertEqual(limits["type"], "Container")
        most = {key: resources.quantity(value) for key, value in limits["max"].items()}
        pods = [self.manifests.pod["spec"], self.manifests.build_pod["spec"]]
        containers = [item for pod in pods for item in pod.get("initContainers", []) + pod["containers"]]
        # The last one says nothing, and gets the defaults.
        for container in [*containers, {}]:
            counted = resources.with_defaults(container, limits)
            for resource in ("cpu", "memory", "ephemeral-storage"):
                with self.subTest(container.get("name", "defaults"), resource=resource):
                    self.assertLessEqual(counted["limits"][resource], most[resource])
                    self.assertLessEqual(counted["requests"][resource], counted["limits"][resource])

    def test_the_quota_has_room_for_the_builds_it_promises_and_no_more(self):
        (limits,) = self.manifests.one("LimitRange", "build-system")["spec"]["limits"]
        hard = dict(self.manifests.one("ResourceQuota", "build-system")["spec"]["hard"])
        self.assertGreaterEqual(int(hard.pop("count/jobs.batch")), self.BUILDS_AT_ONCE)
        hard = {key: resources.quantity(value) for key, value in hard.items()}
        strategy = self.manifests.deployment["spec"]["strategy"]["rollingUpdate"]
        service = resources.pod(self.manifests.pod["spec"], limits)
        build = resources.pod(self.manifests.build_pod["spec"], limits)
        self.assertEqual(set(hard), set(build))
        replicas = self.manifests.deployment["spec"]["replicas"] + strategy["maxSurge"]
        room = {key: int((hard[key] - replicas * service[key]) // build[key]) for key in hard}
        for key, builds in room.items():
            with self.subTest(key):
                self.assertGreaterEqual(builds, self.BUILDS_AT_ONCE)
                if key.startswith("limits."):
                    self.assertEqual(builds, self.BUILDS_AT_ONCE)
