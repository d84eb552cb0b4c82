"""What a demonstration shows and says."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from streamer.demo.progress import Rate, Tick
from streamer.demo.report import conclusion
from streamer.demo.screen import Screen
from streamer.evaluation import CampaignResult, Evaluation, Honest


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def alert(revision: int = 1, accounts: int = 24) -> dict[str, Any]:
    return {
        "alert_id": "a-1",
        "revision": revision,
        "severity": "critical",
        "status": "firing",
        "summary": f"{accounts} accounts [that share one payment instrument] look driven by one hand",
        "account_count": accounts,
        "request_count": 90,
        "detected_at": "2026-03-04T07:10:00.000Z",
        "updated_at": "2026-03-04T07:20:00.000Z",
        "evidence": [{"family": "evenness", "statement": "[used] alike", "log10_p": -7.2}],
        "limits_proposed": 24,
        "false_alarm_rate": 1.2e-9,
    }


def tick(done: int, *alerts: dict[str, Any]) -> Tick:
    return Tick(done, 1000, 1000 - done, "2026-03-04T07:12:33.000Z", 2, list(alerts))


def test_the_rate_is_that_of_the_last_seconds() -> None:
    clock = Clock()
    rate = Rate(clock, span_s=4)
    assert rate.update(0) == 0
    for second in range(1, 11):
        clock.now = second
        found = rate.update(second * 100 if second < 8 else 800)
    assert found == 50


def test_without_a_terminal_there_are_plain_lines_every_two_seconds() -> None:
    clock, out = Clock(), io.StringIO()
    screen = Screen(Console(file=out, width=200), clock)
    with screen.watching():
        for second in (0.0, 1.0, 2.5):
            clock.now = second
            screen.tick(tick(int(second * 100)))
    first, last = out.getvalue().splitlines()
    assert "0 events (  0%)" in first
    assert "250 events ( 25%)" in last
    assert "watermark 2026-03-04 07:12" in last


def test_an_alert_comes_once_with_its_reasons_and_then_a_line_a_revision() -> None:
    out = io.StringIO()
    screen = Screen(Console(file=out, width=200), Clock())
    for each in (alert(1), alert(1), alert(2, 59), alert(1)):
        screen.tick(tick(10, each))
    said = out.getvalue()
    assert said.count("CRITICAL") == 1
    assert "evenness: [used] alike (p = 1e-7)" in said
    assert "24 accounts [that share one payment instrument]" in said
    assert said.count("revision 2 of a-1, 2026-03-04 07:20: firing, 59 accounts") == 1


def test_on_a_terminal_there_is_a_picture() -> None:
    out = io.StringIO()
    screen = Screen(Console(file=out, width=120, force_terminal=True), Clock())
    with screen.watching():
        screen.tick(tick(500, alert()))
    assert "watermark (event time)" in out.getvalue()
    assert "24 accounts" in out.getvalue()


def evaluation(*, found: bool, honest: dict[str, str]) -> Evaluation:
    campaign = CampaignResult(
        name="hydra",
        accounts=60,
        first_request="2026-03-04T06:00:00.000Z",
        detected=found,
        alert_id="a-1" if found else None,
        severity="critical" if found else None,
        detected_at="2026-03-04T07:10:00.000Z" if found else None,
        hours_to_detection=1.15 if found else None,
        share_served_before=0.004 if found else 1.0,
        named=60 if found else 0,
        recall=1.0 if found else 0.0,
        clusters=int(found),
    )
    named = 60 + len(honest) if found else 0
    burden = Honest({"ci": len(honest)} if honest else {}, honest, {}, {}, {})
    return Evaluation((campaign,), 1, 3.5, named, 60 / named if named else None, burden, (), 1.0, ())


def test_the_end_names_the_campaign_the_delay_and_the_honest() -> None:
    said = "\n".join(conclusion(evaluation(found=True, honest={}), {"a-1": alert(3, 60)}))
    assert "Campaign hydra found" in said
    assert "60 of its 60 accounts named" in said
    assert "1.15 h of event time after its first request; 0.4% of its volume was served before" in said
    assert "Honest accounts named: none." in said
    wronged = "\n".join(conclusion(evaluation(found=True, honest={"acct-9": "ci"}), {"a-1": alert()}))
    assert "Honest accounts named: 1 (1 ci), such as acct-9." in wronged


def test_a_campaign_that_was_missed_is_said_to_be() -> None:
    assert "was not found" in "\n".join(conclusion(evaluation(found=False, honest={}), {}))
