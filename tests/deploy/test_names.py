"""Every verb, variable, port, topic and path that the files in deploy/ name exists in the program."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import typer
import yaml

from streamer.cli.application import build_app
from streamer.config import StreamerConfig, load_config
from streamer.errors import ConfigError
from tests.deploy.shipped import (
    DEPLOY,
    IN_CONTAINER,
    ROOT,
    Started,
    compose,
    dockerfile,
    everything,
    image,
    in_compose,
    in_kubernetes,
    objects,
    under_systemd,
)

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = re.compile(r"\bSTREAMER_[A-Z0-9_]+\b")
IN_LITELLM = "litellm"  # what runs in a LiteLLM proxy has variables of its own


def serving_port(started: Started, config: StreamerConfig) -> int | None:
    """Where this verb serves /live with this configuration."""
    match started.verb:
        case "run":
            return config.web.port
        case "ingest":
            return config.ingest.port
        case "notify":
            return config.alertmanager.port
        case "limits":
            return config.limits.port
        case _:
            return None


@pytest.mark.parametrize("source", [in_compose, in_kubernetes, under_systemd])
def test_every_way_to_run_it_runs_each_verb_that_runs(source: Any) -> None:
    assert {started.verb for started in source()} >= {"run", "ingest", "limits"}


def test_every_verb_and_option_exists() -> None:
    program = typer.main.get_command(build_app())
    for started in everything():
        command: Any = program
        words = list(started.arguments)
        while words and hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        options = {name for parameter in command.params for name in parameter.opts}
        assert words[0] in options, started.name
        assert words[1:] == [IN_CONTAINER], started.name


def test_every_configuration_is_one_that_the_program_takes(tmp_path: Path) -> None:
    for started in everything():
        config = started.load(tmp_path)
        assert config.kafka.bootstrap_servers != StreamerConfig().kafka.bootstrap_servers or started.name == "image"


def test_a_wrong_variable_would_be_seen(tmp_path: Path) -> None:
    broken = image()
    broken.environment["STREAMER_WEB__PROT"] = "1"
    with pytest.raises(ConfigError, match="no such key"):
        broken.load(tmp_path)


def test_every_variable_written_anywhere_means_something() -> None:
    config = StreamerConfig()
    secrets = {config.web.token_env, config.privacy.key_env, config.webhook.secret_env}
    for path in DEPLOY.rglob("*"):
        if not path.is_file() or path.suffix in (".png", ".lock", ".pyc") or path.parent.name == IN_LITELLM:
            continue
        for name in VARIABLE.findall(path.read_text(encoding="utf-8")):
            if "__" not in name:
                assert name in secrets or name.endswith("_"), f"{path.name}: {name}"
            else:
                section: Any = config
                for part in name.removeprefix("STREAMER_").lower().split("__"):
                    assert hasattr(section, part), f"{path.name}: {name}"
                    section = getattr(section, part)


def test_health_is_asked_where_it_is_served_and_can_be_reached(tmp_path: Path) -> None:
    for started in everything():
        config = started.load(tmp_path)
        port = serving_port(started, config)
        assert started.health_port == (port if started.health_port else None), started.name
        assert set(started.ports) <= {port}, started.name
        if started.ports:
            host = config.limits.host if started.verb == "limits" else config.web.host
            assert host == "0.0.0.0", started.name  # noqa: S104 - in a container, that is what is meant
    for started in in_kubernetes():
        if started.verb != "topics":
            assert started.health_port
            container = started.container
            assert container["startupProbe"]["httpGet"]["path"] == "/live"
            assert container["livenessProbe"]["httpGet"]["path"] == "/live"
            assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert "/live" in dockerfile()


def test_nobody_who_is_restoring_is_killed() -> None:
    for started in in_kubernetes():
        if started.verb == "run":
            live = started.container["livenessProbe"]
            assert live["periodSeconds"] * live["failureThreshold"] >= 120  # STUCK_S of streamer.stream.health


def test_services_of_kubernetes_do_not_look_like_configuration(tmp_path: Path) -> None:
    services = [each["metadata"]["name"] for each in objects() if each["kind"] == "Service"]
    linked = {f"{name.upper().replace('-', '_')}_PORT": "tcp://10.0.0.1:6066" for name in services}
    (tmp_path / "c.yaml").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError):
        load_config(tmp_path / "c.yaml", linked)
    for each in objects():
        if each["kind"] in ("Deployment", "Job"):
            assert each["spec"]["template"]["spec"]["enableServiceLinks"] is False


def test_workers_are_scaled_on_their_own_lag_up_to_the_partitions(tmp_path: Path) -> None:
    [worker] = [started for started in in_kubernetes() if started.verb == "run"]
    config = worker.load(tmp_path).kafka
    [scaled] = [each["spec"] for each in objects() if each["kind"] == "ScaledObject"]
    [trigger] = scaled["triggers"]
    assert scaled["scaleTargetRef"]["name"] == worker.name
    assert scaled["maxReplicaCount"] == config.request_partitions
    assert trigger["metadata"]["topic"] == config.topics.requests
    assert trigger["metadata"]["consumerGroup"] == config.application
    assert trigger["metadata"]["bootstrapServers"] == config.bootstrap_servers
    [deployment] = [
        each for each in objects() if each["metadata"]["name"] == worker.name and each["kind"] == "Deployment"
    ]
    assert "replicas" not in deployment["spec"]


def test_selectors_select() -> None:
    pods = [each["spec"]["template"]["metadata"]["labels"] for each in objects() if each["kind"] == "Deployment"]
    chosen = [
        each["spec"]["podSelector" if each["kind"] == "NetworkPolicy" else "selector"]
        for each in objects()
        if each["kind"] in ("NetworkPolicy", "PodDisruptionBudget", "Service", "PodMonitor")
    ]
    assert len(chosen) == 9
    for selector in chosen:
        labels = selector.get("matchLabels", selector)
        assert labels["app.kubernetes.io/name"] == "streamer"
        assert any(labels.items() <= pod.items() for pod in pods)


def test_the_network_lets_through_what_is_served() -> None:
    open_ports = {
        port["port"]
        for each in objects()
        if each["kind"] == "NetworkPolicy"
        for rule in each["spec"].get("ingress", ())
        for port in rule["ports"]
    }
    assert open_ports == {port for started in in_kubernetes() for port in started.ports}


def test_what_compose_mounts_and_scrapes_is_there() -> None:
    services = compose()["services"]
    for service in services.values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            if source.startswith(".."):
                assert (DEPLOY / "compose" / source).exists(), source
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    jobs = {
        job["job_name"]: {target for each in job["static_configs"] for target in each["targets"]}
        for job in scraped["scrape_configs"]
    }
    assert jobs == {"streamer": {"worker-1:6066", "worker-2:6066"}, "streamer-limits": {"limits:6068"}}
    assert {"alertmanager", "worker-1", "worker-2", "limits"} <= set(services)
    assert f"--topic={StreamerConfig().ingest.topic}" in services["gateway-topic"]["command"]


def test_workers_of_compose_are_as_many_as_they_are_told(tmp_path: Path) -> None:
    workers = [started for started in in_compose() if started.verb == "run"]
    for started in workers:
        assert started.load(tmp_path).stream.workers == len(workers)


def test_the_image_copies_what_is_there_and_is_let_in() -> None:
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for line in re.findall(r"^COPY (?!--from)(.*)$", dockerfile(), re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert any(source == allowed or source.startswith(f"{allowed}/") for allowed in let_in), source


def test_the_image_has_every_library_and_the_versions_that_are_tested() -> None:
    pin = re.compile(r"^([a-zA-Z0-9._-]+)==(\S+)", re.MULTILINE)
    tested = dict(pin.findall((ROOT / "requirements.lock").read_text(encoding="utf-8")))
    shipped = dict(pin.findall((DEPLOY / "docker" / "requirements.lock").read_text(encoding="utf-8")))
    assert shipped.items() <= tested.items()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["container"]]
    names = {re.split(r"[\[<>=!; ]", each, maxsplit=1)[0] for each in wanted}
    assert names <= set(shipped), "run `make lock`"
    assert "pytest" not in shipped
