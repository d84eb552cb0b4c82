"""How severe an alert is: by its claimed rate, and by what the trace of control is."""

from __future__ import annotations

import pytest

from streamer.detection.alerts import AlertBook
from streamer.detection.cluster import Suspect
from streamer.detection.clusters import Clusters
from streamer.detection.evidence import EvidenceItem
from streamer.detection.lead_book import LeadBook
from streamer.detection.limits import LimitBook
from streamer.detection.records import Alert
from tests.detection.handmade import default_settings, key_of

WINDOW = 1000


def item(family: str, log10_p: float) -> EvidenceItem:
    return EvidenceItem(family, "found", 1.0, 0.0, log10_p)


def group_of(count: int, evidence: list[EvidenceItem], rate: float) -> tuple[Suspect, dict[int, str]]:
    names = {key_of(f"a{number}"): f"a{number}" for number in range(count)}
    of = frozenset(names)
    found = Suspect("cluster", "group", WINDOW, dict.fromkeys(of, 0.9), frozenset(), of, of, (), evidence, -10.0)
    return found._replace(is_alarming=True, rate=rate), names


@pytest.mark.parametrize(
    "evidence, rate, severity",
    [
        ([item("failover", -9.0), item("newness", -5.0)], 1e-6, "warning"),
        ([item("failover", -9.0), item("evenness", -3.9)], 1e-6, "warning"),
        ([item("failover", -9.0), item("evenness", -4.0)], 1e-6, "critical"),
        ([item("failover", -9.0), item("hand_off", -1.2)], 1e-6, "warning"),
        ([item("failover", -9.0), item("hand_off", -1.3)], 1e-6, "critical"),
        ([item("failover", -9.0), item("hand_off", -5.0)], 0.05, "warning"),
    ],
)
def test_quick_hand_offs_alone_page_nobody(evidence: list[EvidenceItem], rate: float, severity: str) -> None:
    settings = default_settings()
    found, names = group_of(10, evidence, rate)
    placed = Clusters(settings.alert, 1000).place(found, names, 0)
    assert placed is not None
    alert, *_ = AlertBook(settings, LimitBook(settings.limit)).revise(placed.cluster, LeadBook(settings), 0)
    assert isinstance(alert, Alert)
    assert alert.severity == severity


def test_accounts_that_come_later_do_not_make_it_begin_after_it_was_detected() -> None:
    settings = default_settings()
    clusters, book, lead_book = (
        Clusters(settings.alert, 1000),
        AlertBook(settings, LimitBook(settings.limit)),
        LeadBook(settings),
    )
    evidence = [item("failover", -9.0), item("evenness", -4.0)]
    told = []
    for count, now_ms in ((10, 1000), (200, 9000)):
        placed = clusters.place(*group_of(count, evidence, 1e-6), now_ms)
        assert placed is not None
        for account in placed.cluster.accounts.values():
            account.first_seen_ms = account.first_seen_ms or now_ms - 100
        told += book.revise(placed.cluster, lead_book, now_ms)
    began = [(alert.started_at, alert.detected_at) for alert in told if isinstance(alert, Alert)]
    assert began == [(900, 1000), (1000, 1000)]
