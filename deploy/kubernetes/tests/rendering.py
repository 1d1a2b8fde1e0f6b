"""Renders kustomizations with the kustomize that is there, and reads what comes out."""

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import yaml

KUBERNETES = Path(__file__).resolve().parents[1]
ROOT = KUBERNETES.parents[1]
TEMPLATE = KUBERNETES / "buildkit-job-template.yaml"
ROOTLESS = KUBERNETES / "components" / "rootless"
NAMESPACE = "build-system"
# Whose schemas the objects must fit.
KUBERNETES_VERSION = "1.36"


def _command():
    """The command that renders a folder: $KUSTOMIZE, else kubectl, else kustomize."""
    if os.environ.get("KUSTOMIZE"):
        return shlex.split(os.environ["KUSTOMIZE"])
    if shutil.which("kubectl"):
        return ["kubectl", "kustomize"]
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    raise RuntimeError("neither kubectl nor kustomize is there; Debian's package kubernetes-client has kubectl")


def _run(folder):
    return subprocess.run([*_command(), str(folder)], capture_output=True, text=True, timeout=120)


def _write(folder, kustomization):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return folder


def _knows_components():
    """Whether this kustomize is newer than 3.6. Debian 12's kubectl carries 2.0.3."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder / "base", {"configMapGenerator": [{"name": "a", "literals": ["A=b"]}]})
        component = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component"}
        _write(folder / "component", {**component, "configMapGenerator": [{"name": "b", "literals": ["A=b"]}]})
        _write(folder / "overlay", {"resources": ["../base"], "components": ["../component"]})
        return _run(folder / "overlay").returncode == 0


def _flattened(folder, into):
    """A copy of a kustomization in the words of kustomize 2.0.

    Folders among the resources become bases, and each component a layer of its own over what it applies to.
    """
    said = yaml.safe_load((folder / "kustomization.yaml").read_text())
    said.pop("apiVersion", None)
    said.pop("kind", None)
    components = said.pop("components", [])
    resources = said.pop("resources", [])
    copied = [name for name in resources if (folder / name).is_file()]
    bases = [_flattened((folder / name).resolve(), into) for name in resources if (folder / name).is_dir()]

    def layer(source, content, bases, resources=()):
        target = into / f"layer-{len(list(into.iterdir()))}"
        target.mkdir()
        for file in source.iterdir():
            if file.is_file():
                shutil.copy(file, target)
        content = {**content, "bases": [f"../{base.name}" for base in bases], "resources": list(resources)}
        return _write(target, content)

    for component in components:
        below = layer(folder, {}, bases, copied)
        bases, copied = [_component((folder / component).resolve(), below, layer)], []
    return layer(folder, said, bases, copied)


def _component(folder, below, layer):
    said = yaml.safe_load((folder / "kustomization.yaml").read_text())
    if said.pop("kind") != "Component" or said.pop("apiVersion") != "kustomize.config.k8s.io/v1alpha1":
        raise ValueError(f"{folder} is no component")
    return layer(folder, said, [below], said.pop("resources", []))


def render(folder):
    """All objects of a kustomization.

    A warning of kustomize, such as one about a deprecated field, is a failure, too.
    """
    if _knows_components():
        result = _run(folder)
    else:
        with tempfile.TemporaryDirectory() as into:
            result = _run(_flattened(Path(folder).resolve(), Path(into)))
    if result.returncode != 0 or result.stderr.strip():
        raise RuntimeError(f"{shlex.join(_command())} {folder}: {result.stderr.strip() or result.returncode}")
    return [item for item in yaml.safe_load_all(result.stdout) if item is not None]


def documents(path):
    """The YAML documents of a file."""
    return [item for item in yaml.safe_load_all(Path(path).read_text()) if item is not None]


def source_text(name):
    """A source file of the program."""
    return (ROOT / "Sources" / "registry-query" / name).read_text()


class Manifests:
    """Rendered objects, to be found by kind and name. The hash at the end of a generated name does not count."""

    GENERATED = ("registry-query-settings", "registry-query-job-template")

    def __init__(self, objects, template):
        self.objects = objects
        # The file that the ConfigMap of the template must have come from.
        self.template_text = Path(template).read_text()
        self.template = yaml.safe_load(self.template_text)

    def plain_name(self, item):
        name = item["metadata"]["name"]
        head, _, tail = name.rpartition("-")
        is_hashed = item["kind"] == "ConfigMap" and head in self.GENERATED and len(tail) == 10
        return head if is_hashed else name

    def all(self, kind):
        return [item for item in self.objects if item["kind"] == kind]

    def one(self, kind, name):
        found = [item for item in self.all(kind) if self.plain_name(item) == name]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} objects are {kind} {name}")
        return found[0]

    @property
    def deployment(self):
        return self.one("Deployment", "registry-query")

    @property
    def pod(self):
        """The Pod template of registry-query."""
        return self.deployment["spec"]["template"]

    @property
    def container(self):
        (container,) = self.pod["spec"]["containers"]
        return container

    @property
    def build_pod(self):
        """The Pod template of a build."""
        return self.template["spec"]["template"]

    @property
    def settings(self):
        return self.one("ConfigMap", "registry-query-settings")["data"]
