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
    names = {key_of(f"a{number}"): f"a{number}" for number in range(10)}
    of = frozenset(names)
    found = Suspect("cluster", "group", WINDOW, dict.fromkeys(of, 0.9), frozenset(), of, of, (), evidence, -10.0)
    found = found._replace(is_alarming=True, rate=rate)
    placed = Clusters(settings.alert, 1000).place(found, names, 0)
    assert placed is not None
    alert, *_ = AlertBook(settings, LimitBook(settings.limit)).revise(placed.cluster, LeadBook(settings), 0)
    assert isinstance(alert, Alert)
    assert alert.severity == severity
