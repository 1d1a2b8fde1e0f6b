"""What the rendered objects are, and how they belong together."""

import re

import kubernetes_validate
import yaml

import monitoring
import network
from rendering import KUBERNETES_VERSION, NAMESPACE, Manifests

# Kinds that belong to the cluster, not to a namespace.
CLUSTER_KINDS = ("ClusterRole", "ClusterRoleBinding", "Namespace")


class ObjectChecks:
    manifests: Manifests
    # What a component adds: (kind, name).
    ADDED_OBJECTS = ()

    def test_every_object_fits_the_schema_of_kubernetes(self):
        for item in [*self.manifests.objects, self.manifests.template]:
            with self.subTest(item["kind"], name=item["metadata"]["name"]):
                if item["kind"] in monitoring.SCHEMAS:
                    monitoring.validate(item)
                else:
                    kubernetes_validate.validate(item, KUBERNETES_VERSION, strict=True)

    def test_the_objects_are_these(self):
        found = sorted((item["kind"], self.manifests.plain_name(item)) for item in self.manifests.objects)
        for added in self.ADDED_OBJECTS:
            found.remove(added)
        self.assertEqual(
            found,
            [
                ("ConfigMap", "registry-query-job-template"),
                ("ConfigMap", "registry-query-settings"),
                ("Deployment", "registry-query"),
                ("LimitRange", "build-system"),
                ("Namespace", "build-system"),
                ("NetworkPolicy", "builds"),
                ("NetworkPolicy", "builds-to-registry"),
                ("NetworkPolicy", "registry-query"),
                ("PodDisruptionBudget", "registry-query"),
                ("ResourceQuota", "build-system"),
                ("Role", "build-job-manager"),
                ("Role", "registry-query"),
                ("RoleBinding", "n8n-build-manager"),
                ("RoleBinding", "registry-query"),
                ("Service", "registry-query"),
                ("ServiceAccount", "buildkit-sa"),
                ("ServiceAccount", "registry-query"),
            ],
        )

    def test_every_object_is_in_the_namespace_and_has_the_recommended_labels(self):
        for item in self.manifests.objects:
            with self.subTest(item["kind"], name=item["metadata"]["name"]):
                expected = None if item["kind"] in CLUSTER_KINDS else NAMESPACE
                self.assertEqual(item["metadata"].get("namespace"), expected)
                labels = item["metadata"]["labels"]
                self.assertIn(labels["app.kubernetes.io/name"], ("registry-query", "buildkit", "build-system"))
                self.assertEqual(labels["app.kubernetes.io/part-of"], "build-system")
                self.assertEqual(labels["app.kubernetes.io/managed-by"], "kustomize")
                if labels["app.kubernetes.io/name"] != "build-system":
                    self.assertIn(labels["app.kubernetes.io/component"], ("server", "builder"))

    def test_the_selector_is_that_of_the_deployment_that_is_replaced(self):
        self.assertEqual(self.manifests.deployment["spec"]["selector"], {"matchLabels": {"app": "registry-query"}})

    def test_selectors_find_the_pods_of_registry_query_and_no_build(self):
        spread = self.manifests.pod["spec"]["topologySpreadConstraints"][0]["labelSelector"]
        selectors = {
            "Deployment": self.manifests.deployment["spec"]["selector"],
            "Service": {"matchLabels": self.manifests.one("Service", "registry-query")["spec"]["selector"]},
            "PodDisruptionBudget": self.manifests.one("PodDisruptionBudget", "registry-query")["spec"]["selector"],
            "topologySpreadConstraints": spread,
            "NetworkPolicy": self.manifests.one("NetworkPolicy", "registry-query")["spec"]["podSelector"],
        }
        for name, selector in selectors.items():
            with self.subTest(name):
                self.assertTrue(network.selects(selector, self.manifests.pod["metadata"]["labels"]))
                self.assertFalse(network.selects(selector, self.manifests.build_pod["metadata"]["labels"]))

    def test_ports_lead_to_where_the_service_listens(self):
        (port,) = self.manifests.container["ports"]
        self.assertEqual(self.manifests.settings["LISTEN"], f"0.0.0.0:{port['containerPort']}")
        (service_port,) = self.manifests.one("Service", "registry-query")["spec"]["ports"]
        self.assertEqual((service_port["port"], service_port["targetPort"]), (80, port["name"]))
        for probe, path in (("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
            self.assertEqual(self.manifests.container[probe]["httpGet"], {"path": path, "port": port["name"]})

    def test_a_disruption_leaves_a_replica(self):
        spec = self.manifests.deployment["spec"]
        self.assertGreaterEqual(spec["replicas"], 2)
        self.assertLess(
            self.manifests.one("PodDisruptionBudget", "registry-query")["spec"]["maxUnavailable"], spec["replicas"]
        )
        self.assertEqual(spec["strategy"]["rollingUpdate"], {"maxSurge": 1, "maxUnavailable": 0})
        (spread,) = self.manifests.pod["spec"]["topologySpreadConstraints"]
        self.assertEqual(spread["whenUnsatisfiable"], "ScheduleAnyway")

    def test_stopping_leaves_time_for_what_is_in_flight(self):
        pause = self.manifests.container["lifecycle"]["preStop"]["sleep"]["seconds"]
        # Answers come within 30 s.
        self.assertGreaterEqual(self.manifests.pod["spec"]["terminationGracePeriodSeconds"], pause + 30)

    def test_the_template_is_the_file(self):
        config_map = self.manifests.one("ConfigMap", "registry-query-job-template")
        self.assertEqual(config_map["data"], {"job-template.yaml": self.manifests.template_text})
        self.assertNotIn("binaryData", config_map)

    def test_placeholders_are_only_where_flux_leaves_them_alone(self):
        placeholders = set()
        for item in self.manifests.objects:
            found = set(re.findall(r"\$\{\w+\}", yaml.safe_dump(item)))
            if "${" in yaml.safe_dump(item):
                self.assertEqual(item["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/substitute"], "disabled")
                self.assertEqual(self.manifests.plain_name(item), "registry-query-job-template")
            placeholders |= found
        self.assertEqual(
            placeholders, {"${JOB_NAME}", "${WEBAPP_NAME}", "${GIT_REPO_URL}", "${GIT_SUBDIRECTORY}", "${IMAGE_TAG}"}
        )

    def test_builds_are_found_by_their_policy(self):
        policy = self.manifests.one("NetworkPolicy", "builds")
        self.assertTrue(network.selects(policy["spec"]["podSelector"], self.manifests.build_pod["metadata"]["labels"]))
        self.assertFalse(network.selects(policy["spec"]["podSelector"], self.manifests.pod["metadata"]["labels"]))
        self.assertEqual(self.manifests.template["metadata"]["namespace"], NAMESPACE)
