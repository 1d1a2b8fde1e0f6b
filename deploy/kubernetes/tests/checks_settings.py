"""Settings exist, name what is mounted, and agree with the other objects."""

import re

from rendering import KUBERNETES, NAMESPACE, Manifests, source_text

# Secrets and ConfigMaps that others make, and whether a Pod may start without them.
FOREIGN = {
    "registry-query-tokens": False,
    "registry-query-callbacks": True,
    "registry-query-github": True,
    "registry-credentials": True,
    "buildkitd": True,
}


class SettingsChecks:
    manifests: Manifests

    def test_every_setting_exists(self):
        known = set(re.findall(r'case \w+ = "([A-Z_]+)"', source_text("SettingKey.swift")))
        self.assertIn("REGISTRY", known)
        self.assertLessEqual(set(self.manifests.settings), known)
        commented = re.findall(r"^ *# - ([A-Z_]+)=", (KUBERNETES / "kustomization.yaml").read_text(), re.MULTILINE)
        self.assertLessEqual(set(commented), known)
        self.assertEqual(self.manifests.container.get("env", []), [])
        config_map = self.manifests.one("ConfigMap", "registry-query-settings")["metadata"]["name"]
        self.assertEqual(self.manifests.container["envFrom"], [{"configMapRef": {"name": config_map}}])

    def test_settings_agree_with_the_other_objects(self):
        settings = self.manifests.settings
        self.assertEqual(settings["BUILD_NAMESPACE"], NAMESPACE)
        self.assertEqual(settings["BUILDER"], "kubernetes")
        self.assertEqual(settings["LOG_FORMAT"], "json")
        self.assertNotIn("ALLOW_ANONYMOUS", settings)
        # The policies let registry-query go to the registry's port.
        self.assertRegex(settings["REGISTRY_ENDPOINT"], r"^http://[a-z-]+\.registry\.svc\.cluster\.local:5000$")

    def test_settings_that_name_files_name_mounted_ones(self):
        files = self.mounted_files()
        settings = self.manifests.settings
        self.assertEqual(files[settings["API_TOKENS_FILE"]], ("registry-query-tokens", "tokens"))
        self.assertEqual(files[settings["JOB_TEMPLATE"]][1], "job-template.yaml")
        self.assertEqual(
            files[settings["DOCKER_CONFIG"] + "/config.json"], ("registry-credentials", ".dockerconfigjson")
        )
        text = (KUBERNETES / "kustomization.yaml").read_text()
        commented = {key: files[path] for key, path in re.findall(r"# - ([A-Z_]+_FILE)=(\S+)", text)}
        self.assertEqual(
            commented,
            {
                "REGISTRY_CA_FILE": ("buildkitd", "ca.crt"),
                "CALLBACK_SECRET_FILE": ("registry-query-callbacks", "key"),
                "GITHUB_WEBHOOK_SECRET_FILE": ("registry-query-github", "secret"),
            },
        )
        for key, value in settings.items():
            if value.startswith("/") and key != "DOCKER_CONFIG":
                self.assertIn(value, files)

    def mounted_files(self):
        """Path in the container -> (object, key)."""
        files = {}
        volumes = {volume["name"]: volume for volume in self.manifests.pod["spec"]["volumes"]}
        mounts = {mount["name"]: mount for mount in self.manifests.container["volumeMounts"]}
        self.assertEqual(set(volumes), set(mounts))
        for name, mount in mounts.items():
            # A subPath would not follow a Secret that changes.
            self.assertEqual(set(mount), {"name", "mountPath", "readOnly"})
            self.assertIs(mount["readOnly"], True)
            source = volumes[name].get("secret") or volumes[name]["configMap"]
            owner = source.get("secretName") or source["name"]
            if "items" in source:
                keys = {item["path"]: item["key"] for item in source["items"]}
            else:
                (found,) = [item for item in self.manifests.all("ConfigMap") if item["metadata"]["name"] == owner]
                keys = {key: key for key in found["data"]}
            files.update({f"{mount['mountPath']}/{path}": (owner, key) for path, key in keys.items()})
        return files

    def test_what_pods_refer_to_is_there_or_is_known_to_be_made_by_others(self):
        rendered = {item["metadata"]["name"] for item in self.manifests.all("ConfigMap")}
        for volume in self.manifests.pod["spec"]["volumes"]:
            source = volume.get("secret") or volume["configMap"]
            owner = source.get("secretName") or source["name"]
            if owner not in rendered:
                self.assertEqual(source.get("optional", False), FOREIGN[owner], owner)
        for account in self.manifests.all("ServiceAccount"):
            self.assertEqual(account["imagePullSecrets"], [{"name": "registry-credentials"}])

    def test_no_secret_is_in_it(self):
        self.assertEqual(self.manifests.all("Secret"), [])
