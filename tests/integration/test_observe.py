"""A campaign on the real Kafka, seen by the real Prometheus and told by the real Alertmanager."""

from __future__ import annotations

import contextlib
import json
import math
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml

from streamer.wiring.demonstration import free_port
from tests.dashboards.boards import Asked, panels, queries, shipped
from tests.dashboards.prometheus import Prometheus
from tests.integration.live import SENSITIVE, LiveRun, replayed, world
from tests.limits.stand import ask
from tests.notify.programs import Alertmanager, Inbox, need
from tests.patience import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kafka_fixture import KafkaCluster

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
MIN_ACCOUNTS = 4
REQUESTS = "sum(streamer_requests_total)"


class Seen(NamedTuple):
    """What was left after a campaign that began so many seconds after 1970: everything still runs."""

    run: LiveRun
    port: int
    prometheus: Prometheus
    alert: dict[str, Any]
    page: dict[str, Any]
    began: float

    def requests(self) -> float:
        """How many requests the worker says that it has read."""
        lines = ask(f"http://127.0.0.1:{self.port}/metrics").body.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("streamer_requests_total{"))


@pytest.fixture(scope="module")
def seen(kafka: KafkaCluster, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    need("prometheus")
    need("prometheus-alertmanager", "alertmanager")
    directory = tmp_path_factory.mktemp("observe")
    events = world("small", directory)
    port = free_port()
    prometheus = Prometheus(directory, root, port)
    with contextlib.ExitStack() as stack:
        inbox = stack.enter_context(Inbox())
        alertmanager = Alertmanager(directory, root / "deploy" / "alertmanager" / "alertmanager.yml", inbox.url)
        run = stack.enter_context(LiveRun(kafka, directory, SENSITIVE, partitions=2, idle_s=10.0))
        document = yaml.safe_load(run.config_path.read_text(encoding="utf-8"))
        document |= {"web": {"port": port}, "alertmanager": {"urls": [alertmanager.url], "resend_interval_s": 1.0}}
        run.config_path.write_text(yaml.safe_dump(document), encoding="utf-8")
        last = list(replayed([events], directory / "replay", run.config_path)["alerts"].values())[-1]
        assert last["severity"] == "critical"
        stack.callback(prometheus.kill)
        prometheus.start()
        run.start()
        until(lambda: prometheus.value("sum(streamer_restores_total)") == 5, "the worker is ready and scraped")
        began = time.time()
        run.produce(events)
        # Alertmanager is not there yet, and detection does not wait for it.
        run.wait_for_alert(lambda found: found["status"] == "firing")
        stack.enter_context(alertmanager.running())
        alert = run.wait_for_alert(lambda found: found == last)
        page = until(lambda: [body for body in [inbox.next()] if body["receiver"] == "page"], "a page")[0]
        limits = 'max(streamer_limited_accounts{mode="shadow", action="throttle"})'
        until(lambda: prometheus.value(limits) == alert["account_count"], "the limits are seen")
        accounts = "max(streamer_campaign_accounts)"
        until(lambda: prometheus.value(accounts) == alert["account_count"], "the alert is seen")
        until(lambda: prometheus.value("sum(streamer_memberships_total)"), "the members are seen")
        yield Seen(run, port, prometheus, alert, page, began)


def test_a_person_is_paged_with_the_evidence(seen: Seen) -> None:
    assert seen.page["receiver"] == "page"
    (told,) = seen.page["alerts"]
    assert told["labels"]["cluster_id"] == seen.alert["cluster_id"]
    assert int(told["annotations"]["account_count"]) >= MIN_ACCOUNTS
    assert len(told["annotations"]["description"].splitlines()) >= 2


def test_every_panel_of_every_dashboard_shows_something(seen: Seen, root: Path) -> None:
    boards = shipped(root)
    instant = {panel["title"] for board in boards.values() for panel in panels(board) if panel["type"] == "bargauge"}
    empty = [asked for asked in queries(boards) if not _shown(seen, asked, instant=asked.panel in instant)]
    assert empty == []


def _shown(seen: Seen, asked: Asked, *, instant: bool) -> list[float]:
    expression = asked.expression.replace("$__rate_interval", "10s")
    if instant:
        found = until(lambda: seen.prometheus.get("query", query=expression)["result"], f"{asked.panel} has a value")
        samples = [series["value"] for series in found]
    else:
        span = {"start": seen.began, "end": time.time(), "step": 1}
        found = seen.prometheus.get("query_range", query=expression, **span)["result"]
        samples = [sample for series in found for sample in series["values"]]
    return [value for value in (float(value) for _, value in samples) if math.isfinite(value)]


def test_the_panels_say_what_the_records_say(seen: Seen, root: Path) -> None:
    asked = {query.panel: query.expression for query in queries(shipped(root))}

    def shown(panel: str) -> float:
        return known(seen.prometheus, asked[panel])

    assert shown("Accounts in them") == seen.alert["account_count"] >= MIN_ACCOUNTS
    assert shown("Critical campaigns") == 1
    assert shown("Accounts limited") == 0, "all are in shadow mode"
    assert shown("Requests served to them") == seen.alert["request_count"]
    assert shown("Output tokens served to them") == seen.alert["output_tokens"]
    assert shown("Alerts raised this week") == 1
    weight = sum(-item["log10_p"] for item in seen.alert["evidence"])
    assert known(seen.prometheus, "sum(streamer_evidence_weight)") == pytest.approx(weight)
    payment = 'max(streamer_fields_present_total{family="payment"}) / max(streamer_requests_sampled_total)'
    assert known(seen.prometheus, payment) > 0.5


def known(prometheus: Prometheus, expression: str) -> float:
    """What Prometheus knows; for a moment it knows nothing where a worker did not answer it in time."""
    values: list[float] = until(lambda: [v for v in [prometheus.value(expression)] if v is not None], expression)
    return values[0]


def rules(prometheus: Prometheus) -> dict[str, Any]:
    """The rules as they stand, by name."""
    groups = prometheus.get("rules")["groups"]
    return {rule["name"]: rule for group in groups for rule in group["rules"]}


def test_the_rules_run_and_notice_the_campaign(seen: Seen) -> None:
    (noticed,) = until(lambda: rules(seen.prometheus)["StreamerCampaignFiring"]["alerts"], "the rule notices")
    until(
        lambda: {rule["health"] for rule in rules(seen.prometheus).values()} == {"ok"},
        lambda: f"every rule runs: {json.dumps(rules(seen.prometheus))}",
    )
    assert noticed["labels"]["severity"] == "critical"


def test_a_prometheus_that_is_killed_is_waited_for_by_nobody_and_is_right_when_it_is_back(
    seen: Seen, tmp_path: Path
) -> None:
    events = world("small", tmp_path)
    prometheus, total = seen.prometheus, seen.requests() + events.read_bytes().count(b"\n")
    before = until(lambda: prometheus.get("query", query=REQUESTS)["result"], "it has seen requests")[0]["value"]
    prometheus.kill()
    seen.run.produce(events)
    until(lambda: seen.requests() == total, "the worker reads on")
    prometheus.start()
    until(lambda: prometheus.value(REQUESTS) == total, "what was read meanwhile is seen")
    (after,) = prometheus.get("query", query=REQUESTS, time=before[0])["result"]
    assert after["value"] == before, "what it knew is not forgotten"
    until(lambda: rules(prometheus)["StreamerCampaignFiring"]["alerts"], "the campaign is noticed again")
