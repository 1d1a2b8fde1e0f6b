"""Checks what is not applied: the examples, the Flux Kustomization, and what README.md says."""

import re
import tempfile
import unittest
from pathlib import Path

import kubernetes_validate

import rendering
import resources
from rendering import KUBERNETES, ROOT, Manifests, documents

README = (KUBERNETES / "README.md").read_text()


class Examples(unittest.TestCase):
    def setUp(self):
        self.files = {path.name: documents(path) for path in sorted((KUBERNETES / "examples").iterdir())}

    def test_they_fit_the_schema_and_are_where_they_belong(self):
        self.assertEqual(
            list(self.files),
            ["buildkitd.yaml", "git-credentials.yaml", "network-policies.yaml", "registry-credentials.yaml"],
        )
        for name, items in self.files.items():
            for item in items:
                with self.subTest(name, object=item["metadata"]["name"]):
                    kubernetes_validate.validate(item, rendering.KUBERNETES_VERSION, strict=True)
                    expected = "registry" if name == "registry-credentials.yaml" else "build-system"
                    self.assertEqual(item["metadata"]["namespace"], expected)
                    self.assertIn("app.kubernetes.io/name", item["metadata"]["labels"])
                    self.assertEqual(item["metadata"]["labels"]["app.kubernetes.io/part-of"], "build-system")

    def test_secrets_are_empty(self):
        secrets = [item for items in self.files.values() for item in items if item["kind"] == "Secret"]
        self.assertEqual(len(secrets), 2)
        for secret in secrets:
            self.assertLessEqual(set(secret), {"apiVersion", "kind", "metadata", "type"})

    def test_the_registrys_secret_is_reflected_to_the_namespace(self):
        (secret,) = self.files["registry-credentials.yaml"]
        reflector = "reflector.v1.k8s.emberstack.com"
        self.assertEqual(
            secret["metadata"]["annotations"],
            {
                f"{reflector}/reflection-allowed": "true",
                f"{reflector}/reflection-allowed-namespaces": "build-system",
                f"{reflector}/reflection-auto-enabled": "true",
                f"{reflector}/reflection-auto-namespaces": "build-system",
            },
        )
        self.assertEqual(secret["type"], "kubernetes.io/dockerconfigjson")

    def test_the_keys_of_git_credentials_are_those_that_the_templates_read(self):
        text = (KUBERNETES / "examples" / "git-credentials.yaml").read_text()
        told = set(re.findall(r"^#   ([\w.-]+)   ", text, re.MULTILINE))
        for template in (rendering.TEMPLATE, rendering.ROOTLESS / "buildkit-job-template.yaml"):
            (job,) = documents(template)
            (clone,) = job["spec"]["template"]["spec"]["initContainers"]
            script = " ".join([*clone["command"], *(item["value"] for item in clone["env"])])
            read = set(re.findall(r"/git-credentials/([\w.-]+)", script))
            # Those that a loop names.
            read |= {word for names in re.findall(r"for key in ([^;]+);", script) for word in names.split()}
            self.assertEqual(told, read)
            volumes = {item["name"]: item for item in job["spec"]["template"]["spec"]["volumes"]}
            self.assertEqual(volumes["git-credentials"]["secret"], {"secretName": "git-credentials", "optional": True})

    def test_buildkit_finds_its_configuration_where_the_templates_mount_it(self):
        (config_map,) = self.files["buildkitd.yaml"]
        self.assertEqual(set(config_map["data"]), {"buildkitd.toml"})
        text = (KUBERNETES / "examples" / "buildkitd.yaml").read_text()
        for template in (rendering.TEMPLATE, rendering.ROOTLESS / "buildkit-job-template.yaml"):
            (job,) = documents(template)
            (build,) = job["spec"]["template"]["spec"]["containers"]
            volumes = {item["name"]: item for item in job["spec"]["template"]["spec"]["volumes"]}
            (path,) = [item["mountPath"] for item in build["volumeMounts"] if item["name"] == "buildkitd-config"]
            self.assertEqual(volumes["buildkitd-config"]["configMap"], {"name": "buildkitd", "optional": True})
            self.assertIn(path, text)

    def test_the_limits_text_tells_of_no_other_number_of_builds(self):
        for text in (README, (KUBERNETES / "limits.yaml").read_text()):
            self.assertIn("room for three", text)


class Flux(unittest.TestCase):
    def test_the_kustomization_says_what_flux_needs(self):
        (item,) = documents(KUBERNETES / "flux" / "build-system.yaml")
        self.assertEqual((item["apiVersion"], item["kind"]), ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"))
        self.assertEqual(item["metadata"], {"name": "build-system", "namespace": "flux-system"})
        spec = item["spec"]
        # Flux's own list; the first four are those that it cannot do without, or that are dangerous to leave out.
        self.assertLessEqual({"interval", "sourceRef", "path", "prune"}, set(spec))
        self.assertLessEqual(
            set(spec),
            {"interval", "retryInterval", "timeout", "sourceRef", "path", "prune", "wait", "dependsOn", "decryption"},
        )
        self.assertEqual(spec["sourceRef"]["kind"], "GitRepository")
        self.assertEqual([item["name"] for item in spec["dependsOn"]], ["reflector", "registry"])
        self.assertEqual(spec["decryption"]["provider"], "sops")
        for key in ("interval", "retryInterval", "timeout"):
            self.assertRegex(spec[key], r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$")


class Readme(unittest.TestCase):
    def test_its_own_kustomization_can_be_rendered(self):
        (text,) = [
            block
            for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
            if block.startswith("# kustomization.yaml\n")
        ]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "registry-query").symlink_to(ROOT)
            (folder / "mine").mkdir()
            (folder / "mine" / "kustomization.yaml").write_text(text)
            objects = rendering.render(folder / "mine")
        manifests = Manifests(objects, rendering.ROOTLESS / "buildkit-job-template.yaml")
        self.assertTrue(manifests.container["image"].startswith("registry.example/infrastructure/registry-query:"))
        self.assertEqual(manifests.settings["REGISTRY"], "registry.example")
        self.assertEqual(manifests.settings["MOVING_TAGS"], "latest")
        # What was not changed is still there, and the Deployment uses the changed one.
        self.assertEqual(manifests.settings["BUILD_NAMESPACE"], "build-system")
        config_map = manifests.one("ConfigMap", "registry-query-settings")["metadata"]["name"]
        self.assertEqual(manifests.container["envFrom"], [{"configMapRef": {"name": config_map}}])
        template = manifests.one("ConfigMap", "registry-query-job-template")["data"]
        self.assertEqual(template, {"job-template.yaml": manifests.template_text})
        plain = Manifests(rendering.render(KUBERNETES), rendering.TEMPLATE)
        self.assertNotEqual(plain.one("ConfigMap", "registry-query-settings")["metadata"]["name"], config_map)

    def test_links_lead_somewhere(self):
        headings = {
            re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", README, re.MULTILINE)
        }
        links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("https://")]
        self.assertGreater(len(links), 10)
        for link in links:
            path, _, anchor = link.partition("#")
            with self.subTest(link):
                if path:
                    self.assertTrue((KUBERNETES / path).exists())
                else:
                    self.assertIn(anchor, headings)

    def test_its_image_is_the_one_that_is_deployed(self):
        manifests = Manifests(rendering.render(KUBERNETES), rendering.TEMPLATE)
        self.assertIn(f"--tag {manifests.container['image']} .", README)

    def test_it_names_every_secret_that_a_pod_waits_for(self):
        manifests = Manifests(rendering.render(KUBERNETES), rendering.TEMPLATE)
        for pod in (manifests.pod, manifests.build_pod):
            for volume in pod["spec"]["volumes"]:
                if "secret" in volume and not volume["secret"].get("optional"):
                    self.assertIn(f"create secret generic {volume['secret']['secretName']} ", README)


class Arithmetic(unittest.TestCase):
    """The checks of the quota are only worth what their arithmetic is."""

    def test_quantities(self):
        for text, number in (
            ("500m", "0.5"),
            ("2", "2"),
            ("1Gi", "1073741824"),
            ("128Mi", "134217728"),
            (4, "4"),
            ("1k", "1000"),
        ):
            self.assertEqual(str(resources.quantity(text).normalize()), str(resources.Decimal(number).normalize()))

    def test_a_pod_counts_its_containers_together_and_its_init_containers_one_by_one(self):
        limits = {
            "defaultRequest": {"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "1Gi"},
            "default": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "2Gi"},
        }
        spec = {
            "initContainers": [{"resources": {"limits": {"memory": "4Gi"}}}, {}],
            "containers": [{"resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}}, {}],
        }
        counted = resources.pod(spec, limits)
        self.assertEqual(counted["requests.cpu"], resources.quantity("1050m"))
        self.assertEqual(counted["limits.cpu"], 3)
        # Without a request it is the limit; and the first init container needs more than both containers together.
        self.assertEqual(counted["requests.memory"], resources.quantity("4Gi"))
        self.assertEqual(counted["limits.memory"], resources.quantity("4Gi"))
        self.assertEqual(counted["limits.ephemeral-storage"], resources.quantity("4Gi"))
