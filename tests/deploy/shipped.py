"""What the files in deploy/ start: each container and unit with its arguments, environment, ports and probes."""

from __future__ import annotations

import functools
import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from streamer.config import StreamerConfig, load_config

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
OVERLAY = DEPLOY / "kustomize" / "overlays" / "example"
IN_CONTAINER = "/etc/streamer/streamer.yaml"


@dataclass
class Started:
    """One container or unit."""

    name: str
    arguments: list[str]
    environment: dict[str, str]
    config: str = ""
    ports: list[int] = field(default_factory=list)
    health_port: int | None = None
    container: dict[str, Any] = field(default_factory=dict)

    @property
    def verb(self) -> str:
        return self.arguments[0]

    def load(self, directory: Path) -> StreamerConfig:
        """The configuration it has, read as the program reads it."""
        (directory / "streamer.yaml").write_text(self.config or "{}", encoding="utf-8")
        return load_config(directory / "streamer.yaml", self.environment)


def kustomize_program() -> list[str]:
    """A kustomize that knows components: kubectl's own, or kustomize itself."""
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    if shutil.which("kubectl"):
        told = subprocess.run(
            ["kubectl", "version", "--client", "--output=json"], capture_output=True, text=True, check=False
        ).stdout
        version = re.search(r'"kustomizeVersion": *"v(\d+)', told)
        if version and int(version[1]) >= 5:
            return ["kubectl", "kustomize"]
    pytest.skip("no kustomize 5: install kubectl 1.27 or later, or sigs.k8s.io/kustomize/kustomize/v5 with Go")


@functools.cache
def rendered(directory: Path = OVERLAY) -> str:
    """What `kubectl apply` would be given."""
    done = subprocess.run([*kustomize_program(), str(directory)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(directory: Path = OVERLAY) -> list[dict[str, Any]]:
    return [found for found in yaml.safe_load_all(rendered(directory)) if found]


def in_kubernetes() -> list[Started]:
    found = objects()
    [config] = [each["data"]["streamer.yaml"] for each in found if each["kind"] == "ConfigMap"]
    started = []
    for each in found:
        if each["kind"] not in ("Deployment", "Job"):
            continue
        [container] = each["spec"]["template"]["spec"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in container.get("ports", ())}
        probe = container.get("livenessProbe", {}).get("httpGet")
        values = {one["name"]: one["value"] for one in container["env"] if "value" in one}
        health = ports[probe["port"]] if probe else None
        name = each["metadata"]["name"]
        started.append(Started(name, container["args"], values, config, list(ports.values()), health, container))
    return started


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text(encoding="utf-8"))
    return document


def in_compose() -> list[Started]:
    config = (ROOT / "config" / "streamer.yaml").read_text(encoding="utf-8")
    image = {name: value for name, value in image_environment().items() if name.startswith("STREAMER_")}
    started = []
    for name, service in compose()["services"].items():
        if not str(service.get("image", "")).startswith("streamer:"):
            continue
        values = image | {key: _substituted(value) for key, value in service["environment"].items()}
        disabled = service.get("healthcheck", {}).get("disable", False)
        health = None if disabled else int(values.pop("HEALTH_PORT", image_environment()["HEALTH_PORT"]))
        ports = [int(text.rpartition(":")[2]) for text in service.get("ports", ())]
        started.append(Started(name, service["command"], values, config, ports, health, service))
    return started


def _substituted(value: str) -> str:
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def dockerfile() -> str:
    return (DEPLOY / "docker" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")


def image_environment() -> dict[str, str]:
    lines = re.findall(r"^ENV (.*)$", dockerfile().rpartition("\nFROM ")[2], re.MULTILINE)
    return dict(pair.split("=", 1) for line in lines for pair in line.split())


def image() -> Started:
    [command] = re.findall(r"^CMD (\[.*\])$", dockerfile(), re.MULTILINE)
    environment = image_environment()
    config = (ROOT / "config" / "streamer.yaml").read_text(encoding="utf-8")
    values = {name: value for name, value in environment.items() if name.startswith("STREAMER_")}
    return Started("image", json.loads(command), values, config, health_port=int(environment["HEALTH_PORT"]))


def under_systemd() -> list[Started]:
    example = (DEPLOY / "systemd" / "streamer.env.example").read_text(encoding="utf-8")
    shared = dict(re.findall(r"^#?([A-Z]\w+)=(.*)$", example, re.MULTILINE))
    config = (ROOT / "config" / "streamer.yaml").read_text(encoding="utf-8")
    started = []
    for path in sorted((DEPLOY / "systemd").glob("*.service")):
        text = path.read_text(encoding="utf-8").replace("%i", "6076")
        [line] = re.findall(r"^ExecStart=\S+/streamer (.*)$", text, re.MULTILINE)
        own = dict(re.findall(r"^Environment=(\w+)=(.*)$", text, re.MULTILINE))
        started.append(Started(path.name, line.split(), shared | own, config))
    return started


def everything() -> list[Started]:
    return [image(), *in_compose(), *in_kubernetes(), *under_systemd()]
