"""From a record on the topic to a notification: the real Kafka, the real Alertmanager, a real receiver."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

import pytest

from tests.notify.bench import Bench, Running
from tests.notify.programs import Inbox
from tests.notify.records import account_alert, alert, member
from tests.patience import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kafka_fixture import KafkaCluster

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
QUIET_S = 1.5  # more than a group's interval and a resend


@pytest.fixture
def bench(kafka: KafkaCluster, tmp_path: Path, root: Path) -> Iterator[Bench]:
    with Inbox() as inbox:
        made = Bench(kafka, tmp_path, root, inbox)
        with contextlib.closing(made), made.alertmanager.running():
            yield made


def test_an_alert_arrives_once_and_ends_with_its_members(bench: Bench) -> None:
    with Running(bench.config) as notifier:
        bench.write(account_alert("ada"))
        alone = bench.notified()
        assert alone["commonLabels"]["alertname"] == "StreamerAccount"

        bench.write(member("ada", "c-1"), member("bob", "c-1"), alert("a-1"), account_alert("bob"))
        # Alertmanager may say once more what it said of ada: her alert is sent again until the campaign's is.
        told = sorted((bench.news_after(alone) for _ in range(2)), key=lambda body: str(body["status"]))
        # The campaign, and that ada is no longer alone; bob was never spoken of.
        assert [(body["status"], body["commonLabels"]["alertname"]) for body in told] == [
            ("firing", "StreamerCampaign"),
            ("resolved", "StreamerAccount"),
        ]
        assert told[0]["groupLabels"] == {"alertname": "StreamerCampaign", "cluster_id": "c-1"}
        assert told[0]["receiver"] == "page"
        assert "evenness: used alike" in told[0]["alerts"][0]["annotations"]["description"]
        until(lambda: len(bench.firing()) == 3, "the campaign and both accounts are known")

        bench.write(alert("a-1", 2), alert("a-1", 3), account_alert("bob", 3))
        until(
            lambda: any(found["annotations"].get("revision") == "3" for found in bench.alertmanager.alerts()),
            "the update is known",
        )
        assert bench.inbox.rest(QUIET_S) == []

        bench.write(alert("a-1", 4, status="resolved"))
        over = bench.notified()
        assert (over["status"], over["groupLabels"]["cluster_id"]) == ("resolved", "c-1")
        assert bench.inbox.rest(QUIET_S) == []
        until(lambda: bench.firing() == [], "nothing fires")
        until(lambda: notifier.value("streamer_notify_leads") == 1, "it has the lead")

        # What is said anew about an account after that is heard.
        bench.write(account_alert("bob", 5))
        anew = bench.notified()["alerts"]
        assert [found["labels"]["alert_id"] for found in anew if found["status"] == "firing"] == ["a-bob"]


def test_an_alertmanager_that_was_away_misses_nothing_and_hears_nothing_twice(bench: Bench) -> None:
    with Running(bench.config) as notifier:
        bench.write(alert("a-1"), alert("a-2"))
        assert {bench.notified()["groupLabels"]["cluster_id"] for _ in range(2)} == {"c-1", "c-2"}
        until(lambda: bench.alertmanager.noted("c-1", "c-2"), "what it said is on its disk")
        bench.alertmanager.stop(signal.SIGKILL)
        bench.write(alert("a-1", 2, status="resolved"), alert("a-2", 2), alert("a-3"))
        until(lambda: notifier.value("streamer_notify_failing", target="alertmanager"), "the loss is noticed")
        bench.alertmanager.start()
        told = {(body["status"], body["groupLabels"]["cluster_id"]) for body in (bench.notified(), bench.notified())}
        assert told == {("resolved", "c-1"), ("firing", "c-3")}
        assert bench.inbox.rest(QUIET_S) == []
        until(lambda: notifier.value("streamer_notify_failing", target="alertmanager") == 0, "it is well again")


def test_a_notifier_that_takes_over_knows_what_the_one_before_knew(bench: Bench) -> None:
    with Running(bench.config) as first:
        bench.write(alert("a-1"), alert("a-2"))
        assert {bench.notified()["groupLabels"]["cluster_id"] for _ in range(2)} == {"c-1", "c-2"}
        with Running(bench.config) as second:
            until(lambda: second.value("streamer_alerts_firing", kind="cluster", severity="critical") == 2, "read")
            # One of them speaks, whichever it is, and long enough for the other to have spoken too.
            told, leading = first.taken("alertmanager") + second.taken("alertmanager"), []

            def told_again() -> bool:
                leading.append(sum(each.value("streamer_notify_leads") or 0 for each in (first, second)))
                return first.taken("alertmanager") + second.taken("alertmanager") >= told + 3

            until(told_again, "they are sent again")
            assert max(leading) == 1
    bench.write(alert("a-1", 2, status="resolved"))
    with Running(bench.config) as third:
        over = bench.notified()
        assert (over["status"], over["groupLabels"]["cluster_id"]) == ("resolved", "c-1")
        assert bench.inbox.rest(QUIET_S) == []
        until(lambda: [labels["cluster_id"] for labels in bench.firing()] == ["c-2"], "one still fires")
        assert third.value("streamer_campaign_accounts", severity="critical") == 9
