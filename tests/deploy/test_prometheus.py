"""The rules that are shipped: sound, tested, and tested so that no threshold can be changed unnoticed."""

from __future__ import annotations

import copy
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from streamer.config import StreamerConfig
from streamer.limits.metrics import LimitMetrics
from streamer.metrics import Metrics
from streamer.wiring.notify import notifiers
from tests.notify.programs import need

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NUMBER = re.compile(r"(?<=[><=] )(-?\d+(?:\.\d+)?)\b")
RECORD = re.compile(r"streamer:\w+:\w+")
METRIC = re.compile(r"\bstreamer_\w+")
Rule = dict[str, Any]


@pytest.fixture(scope="module")
def shipped(root: Path) -> Path:
    return root / "deploy" / "prometheus"


@pytest.fixture(scope="module")
def rules(shipped: Path) -> list[Rule]:
    document = yaml.safe_load((shipped / "rules" / "streamer.yml").read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([need("promtool"), *arguments], capture_output=True, text=True, check=False)


def test_they_are_sound(shipped: Path) -> None:
    for arguments in (("config", str(shipped / "prometheus.yml")), ("rules", str(shipped / "rules" / "streamer.yml"))):
        done = promtool("check", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr


def test_they_do_what_their_tests_say(shipped: Path) -> None:
    done = promtool("test", "rules", *map(str, (shipped / "tests").glob("*.yml")))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested_and_has_a_runbook_that_says_what_to_do(root: Path, rules: list[Rule]) -> None:
    files = (root / "deploy" / "prometheus" / "tests").glob("*.yml")
    tested = "".join(path.read_text(encoding="utf-8") for path in files)
    for rule in rules:
        if "alert" not in rule:
            continue
        assert f"alertname: {rule['alert']}" in tested
        runbook = (root / rule["annotations"]["runbook"]).read_text(encoding="utf-8")
        assert rule["alert"] in runbook
        assert len(runbook.splitlines()) > 8


def test_every_metric_they_name_exists(rules: list[Rule]) -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    notifiers(StreamerConfig(), registry)
    LimitMetrics(registry)
    known = {name for family in registry.collect() for name in (family.name, f"{family.name}_total")}
    recorded = {rule["record"] for rule in rules if "record" in rule}
    for rule in rules:
        assert set(METRIC.findall(rule["expr"])) <= known
        assert set(RECORD.findall(rule["expr"])) <= recorded


def changed(rule: Rule) -> Iterator[Rule]:
    """The rule with one threshold, or its waiting time, a little different."""
    for found in NUMBER.finditer(rule["expr"]):
        value = float(found[1])
        for other in (0.8 * value, 1.25 * value) if value else (1, -1):
            if not value and other < 0 and rule["expr"][: found.start()].endswith("== "):
                continue  # nothing counted is below zero
            yield {**rule, "expr": f"{rule['expr'][: found.start()]}{other:g}{rule['expr'][found.end() :]}"}
    minutes = int(rule["for"].removesuffix("m").replace("1h", "60"))
    for other in (minutes // 2, minutes + max(1, minutes // 2)):
        yield {**rule, "for": f"{other}m"}


def needed(rule: Rule, records: dict[str, Rule]) -> list[Rule]:
    """The recording rules it stands on, in the order in which they are written."""
    found = {name for name in RECORD.findall(rule["expr"]) if name in records}
    while more := {name for have in found for name in RECORD.findall(records[have]["expr"])} - found:
        found |= more
    return [record for name, record in records.items() if name in found]


def test_no_threshold_can_be_changed_unnoticed(shipped: Path, rules: list[Rule], tmp_path: Path) -> None:
    records = {rule["record"]: rule for rule in rules if "record" in rule}
    documents = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in (shipped / "tests").glob("*.yml")]

    def survives(number: int, rule: Rule) -> bool:
        path = tmp_path / f"{number}-rules.yml"
        group = {"name": "all", "rules": [*needed(rule, records), rule]}
        path.write_text(yaml.safe_dump({"groups": [group]}), encoding="utf-8")
        (mine,) = (found for document in documents if (found := _about(document, rule["alert"])))
        mine |= {"rule_files": [path.name], "group_eval_order": ["all"]}
        (tmp_path / f"{number}-tests.yml").write_text(yaml.safe_dump(mine), encoding="utf-8")
        return promtool("test", "rules", str(tmp_path / f"{number}-tests.yml")).returncode == 0

    alerts = [rule for rule in rules if "alert" in rule]
    mutants = [mutant for rule in alerts for mutant in changed(rule)]
    assert len(mutants) > 40
    with ThreadPoolExecutor(2) as pool:
        as_they_are = list(pool.map(survives, range(1000, 1000 + len(alerts)), alerts))
        survived = list(pool.map(survives, range(len(mutants)), mutants))
    assert all(as_they_are), "the tests of one alert alone must pass with that alert alone"
    told = [f"{m['alert']}: {m['expr']} for {m['for']}" for m, lives in zip(mutants, survived, strict=True) if lives]
    assert told == []


def _about(document: dict[str, Any], alert: str) -> dict[str, Any] | None:
    """The tests that concern this alert, and nothing of others in them."""
    tests = []
    for test in copy.deepcopy(document["tests"]):
        test["alert_rule_test"] = [case for case in test["alert_rule_test"] if case["alertname"] == alert]
        tests += [test] if test["alert_rule_test"] else []
    return {**document, "tests": tests} if tests else None
