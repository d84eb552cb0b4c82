"""A configuration is sound, or every problem in it is named with place, key, value and what is allowed."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from streamer.config import StreamerConfig, load_config
from streamer.detection.families import CAUSE
from streamer.detection.group import CONFIRMING, PASSING
from streamer.detection.names import FAMILIES, KINDS
from streamer.detection.settings import DetectionSettings
from streamer.detection.verdict import CROWDED
from streamer.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def problems_of(path: Path, text: str, **environment: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path, environment)
    assert caught.value.exit_code == 2
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("text", ["kafka: &a {topics: *a}", "a: &a [*a]", "a: &a\n  - {b: *a}"])
def test_a_file_that_contains_itself_is_named_with_the_line(tmp_path: Path, text: str) -> None:
    (problem,) = problems_of(tmp_path / "my.yaml", text)
    assert "my.yaml:" in problem
    assert "found an alias of what it is in" in problem


def test_a_file_of_too_many_levels_is_an_error(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path / "my.yaml", "a: " + "[" * 5000 + "]" * 5000)
    assert "nested too deeply" in problem


def test_a_variable_that_contains_itself_is_text() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, {"STREAMER_WEB__PORT": "&a [*a]"})
    assert str(caught.value).startswith("environment variable STREAMER_WEB__PORT: web.port: found")


@pytest.mark.parametrize(
    "text,where,owner",
    [
        (
            "kafka:\n  topics:\n    alerts: a\n    members: a\n",
            "my.yaml:4: kafka.topics.members",
            "kafka.topics.alerts",
        ),
        ("ingest:\n  topic: llm.requests\n", "my.yaml:2: ingest.topic", "kafka.topics.requests"),
    ],
)
def test_two_topics_of_one_name_are_both_named(tmp_path: Path, text: str, where: str, owner: str) -> None:
    (problem,) = problems_of(tmp_path / "my.yaml", text)
    assert f"/{where}: found " in problem
    assert problem.endswith(f"allowed: a name of its own, {owner} has this one")


def test_without_a_file_everything_is_at_its_default() -> None:
    assert load_config(None, {}) == StreamerConfig()
    assert load_config(None, {}).detection == DetectionSettings()


def test_the_documented_file_is_the_defaults_and_leaves_nothing_out(root: Path) -> None:
    path = root / "config" / "streamer.yaml"
    assert load_config(path, {}) == StreamerConfig()
    assert _keys_of(yaml.safe_load(path.read_text(encoding="utf-8"))) == _known(StreamerConfig())


def _keys_of(values: dict[str, Any], prefix: str = "") -> set[str]:
    found = set()
    for key, value in values.items():
        found |= _keys_of(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key}
    return found


def _known(section: object, prefix: str = "") -> set[str]:
    found = set()
    if isinstance(section, BaseModel):
        names = list(type(section).model_fields)
    else:
        assert is_dataclass(section)
        names = [item.name for item in fields(section)]
    for name in names:
        value = getattr(section, name)
        below = isinstance(value, BaseModel) or is_dataclass(value)
        found |= _known(value, f"{prefix}{name}.") if below else {prefix + name}
    return found


def test_every_key_of_the_documented_file_has_a_comment(root: Path) -> None:
    lines = (root / "config" / "streamer.yaml").read_text(encoding="utf-8").splitlines()
    detection = lines[lines.index("detection:") + 1 :]
    assert [line for line in detection if "# " not in line] == []


@pytest.mark.parametrize(
    "text,line,key,found,allowed",
    [
        ("kafka: {request_partitions: 0}", 1, "kafka.request_partitions", "0", "greater than or equal to 1"),
        ("kafka:\n  link_partitions: six", 2, "kafka.link_partitions", '"six"', "a valid integer"),
        ("kafka:\n  bootstrap_servers: host", 2, "kafka.bootstrap_servers", '"host"', "text that matches"),
        ("kafka:\n  topics:\n    alerts: 'a b'", 3, "kafka.topics.alerts", '"a b"', "text that matches"),
        ("kafka: 7", 1, "kafka", "7", "keys of this section: bootstrap_servers"),
        ("web:\n\n  port: yes", 3, "web.port", "true", "a valid integer"),
        ("web: {port: 70000}", 1, "web.port", "70000", "less than or equal to 65535"),
        ("input:\n  format: csv", 2, "input.format", '"csv"', "'auto', 'native', 'litellm', 'otel' or 'envoy'"),
        ("stream: {idle_s: -1}", 1, "stream.idle_s", "-1", "greater than 0"),
        ("privacy: {pseudonymize: maybe}", 1, "privacy.pseudonymize", '"maybe"', "a valid boolean"),
        ("privacy: {key_env: my key}", 1, "privacy.key_env", '"my key"', "text that matches"),
        ("detection:\n  window:\n    window_s: 7", 2, "detection.window", "7", "window_s must divide an hour"),
        ("detection:\n  limit: {mode: live}", 2, "detection.limit", "live", "mode must be one of shadow, enforce"),
        ("detection: {link: {idle_s: 0}}", 1, "detection.link.idle_s", "0", "more than zero"),
        ("detection: {group: {min_accounts: -3}}", 1, "detection.group.min_accounts", "-3", "zero or more"),
        ("detection:\n  alert: {critical_per_day: often}", 2, "detection.alert.critical_per_day", "often", "number"),
        (
            "detection: {alert: {critical_per_day: 0.5}}",
            1,
            "detection.alert.critical_per_day",
            "0.5",
            "up to detection",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_place(
    tmp_path: Path, text: str, line: int, key: str, found: str, allowed: str
) -> None:
    path = tmp_path / "my.yaml"
    (problem,) = problems_of(path, text)
    assert problem.startswith(f"{path}:{line}: {key}: found ")
    assert found in problem
    assert allowed in problem.split("allowed: ", 1)[1]


@pytest.mark.parametrize(
    "text,key,near",
    [
        ("kafak: {}", "kafak", "kafka"),
        ("kafka: {bootstrap_server: 'a:1'}", "kafka.bootstrap_server", "bootstrap_servers"),
        ("kafka: {topics: {alert: a}}", "kafka.topics.alert", "alerts"),
        ("detection: {window: {windows_s: 60}}", "detection.window.windows_s", "window_s"),
        ("detection: {limits: {}}", "detection.limits", "limit"),
        ("detection: {link: {disabled_kinds: [adress]}}", "detection.link.disabled_kinds", "address_block"),
        ("detection: {group: {disabled_families: [evennes]}}", "detection.group.disabled_families", "evenness"),
        ("detection: {limit: {severities: [critcal]}}", "detection.limit.severities", "critical"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest_known_one(tmp_path: Path, text: str, key: str, near: str) -> None:
    path = tmp_path / "my.yaml"
    (problem,) = problems_of(path, text)
    assert problem.startswith(f"{path}:1: {key}: found ")
    assert f"did you mean {near}?" in problem


def test_a_name_like_none_that_is_known_is_answered_with_all(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    (problem,) = problems_of(path, "detection:\n  group:\n    disabled_families: [rhythm, nosuch]")
    place = f"{path}:3: detection.group.disabled_families"
    assert problem == f'{place}: found "nosuch"; allowed: {", ".join(FAMILIES)}'


def test_every_name_that_can_be_switched_off_is_known_and_documented(root: Path) -> None:
    families = {"evenness", "rhythm", CROWDED, *PASSING, *CAUSE, *CONFIRMING}
    assert sorted(FAMILIES) == sorted(families)
    text = (root / "config" / "streamer.yaml").read_text(encoding="utf-8")
    assert [name for name in (*FAMILIES, *KINDS) if name not in text] == []


@pytest.mark.parametrize(
    "text,found",
    [
        ("web: [", "not YAML"),
        ("- a\n- b\n", "no mapping"),
        ("web: {port: 1}\nweb: {port: 2}\n", "found a second time, first in line 1"),
        ("a: !!python/object:os.system {}", "not YAML"),
        ("a: \x00", "not YAML"),
    ],
)
def test_a_file_that_is_no_configuration(tmp_path: Path, text: str, found: str) -> None:
    (problem,) = problems_of(tmp_path / "my.yaml", text)
    assert found in problem


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_config(tmp_path / "absent.yaml", {})
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path, {})
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(binary, {})


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    found = problems_of(tmp_path / "my.yaml", "web: {port: a}\nstream: {workers: 0}\nsink: {}\n", STREAMER_WEB__HOST="")
    assert len(found) == 4


def test_an_empty_section_or_file_is_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    for text in ("", "# nothing\n", "kafka:\nweb:\n"):
        path.write_text(text, encoding="utf-8")
        assert load_config(path, {}) == StreamerConfig()


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("kafka: {bootstrap_servers: 'file:1', application: mine}\nweb: {port: 1}", encoding="utf-8")
    general = {"KAFKA_BOOTSTRAP_SERVERS": "general:2", "STREAMER_WEB__PORT": "9000", "PATH": "/bin"}
    config = load_config(path, general)
    assert config.kafka.bootstrap_servers == "general:2"
    assert config.kafka.application == "mine"
    assert config.web.port == 9000
    own = load_config(path, {**general, "STREAMER_KAFKA__BOOTSTRAP_SERVERS": "own:3"})
    assert own.kafka.bootstrap_servers == "own:3"


def test_a_variable_can_hold_a_list_or_text_that_looks_like_a_number() -> None:
    config = load_config(
        None,
        {"STREAMER_DETECTION__LIMIT__ALLOW": "[a, b]", "STREAMER_KAFKA__APPLICATION": "0123", "STREAMER_X": ""}
        | {"STREAMER_PRIVACY__KEY_ENV": "STREAMER_X"},
    )
    assert config.detection.limit.allow == ("a", "b")
    assert config.kafka.application == "0123"


@pytest.mark.parametrize(
    "name,value,expected",
    [
        ("STREAMER_WEB__PORT", "many", "environment variable STREAMER_WEB__PORT: web.port: found"),
        ("STREAMER_WEB__PROT", "1", "did you mean port?"),
        ("STREAMER_KAFKA_BOOTSTRAP_SERVERS", "a:1", "environment variable STREAMER_KAFKA_BOOTSTRAP_SERVERS"),
        ("KAFKA_BOOTSTRAP_SERVERS", "nohost", "environment variable KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap_servers"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, {name: value})
    assert expected in str(caught.value)


def test_the_variable_that_holds_the_key_is_no_configuration(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("privacy: {pseudonymize: true, key_env: STREAMER_SECRET}", encoding="utf-8")
    assert load_config(path, {"STREAMER_SECRET": "0123456789abcdef"}).privacy.key_env == "STREAMER_SECRET"


def test_a_variable_that_names_no_section_is_somebody_elses() -> None:
    assert load_config(None, {"STREAMER_GATEWAY_TOPIC": "t", "STREAMER_HOME": "/srv"}) == StreamerConfig()


def test_a_configuration_cannot_be_changed() -> None:
    config = StreamerConfig()
    with pytest.raises(ValueError, match="frozen"):
        config.web.port = 1


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["kafka", "web", "port", "detection", "window", "limit", "x"]), inner)
        ),
        max_leaves=10,
    )
)
def test_no_value_does_more_than_be_refused(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.mktemp("any") / "my.yaml"
    path.write_text(yaml.safe_dump(value), encoding="utf-8")
    caught: ConfigError | None = None
    try:
        load_config(path, {})
    except ConfigError as error:
        caught = error
    if caught is not None:
        assert all(problem.where and problem.found and problem.remedy for problem in caught.problems)


def test_the_token_of_the_page_is_no_key(tmp_path: Path) -> None:
    assert load_config(None, {"STREAMER_WEB_TOKEN": "0123456789abcdef"}).web.token_env == "STREAMER_WEB_TOKEN"
    path = tmp_path / "my.yaml"
    path.write_text("web: {token_env: STREAMER_WEB_PASS}", encoding="utf-8")
    assert load_config(path, {"STREAMER_WEB_PASS": "0123456789abcdef"}).web.token_env == "STREAMER_WEB_PASS"
    with pytest.raises(ConfigError, match="STREAMER_WEB_PASS"):
        load_config(None, {"STREAMER_WEB_PASS": "0123456789abcdef"})
