"""What a replay says of itself."""

from __future__ import annotations

from pathlib import Path

from streamer.detection.detector import Detector
from streamer.detection.settings import DetectionSettings
from streamer.replay import Replay, Summary
from streamer.sinks.files import FileSink

JUDGED = "2026-03-03T12:00:00.000Z"


def doubts(tmp_path: Path, summary: Summary) -> list[str]:
    replay = Replay(Detector(DetectionSettings()), FileSink(tmp_path), lambda: 0.0)
    replay.summary = summary
    return replay.doubts()


def test_an_input_nearly_all_of_which_was_used_raises_no_doubt(tmp_path: Path) -> None:
    assert doubts(tmp_path, Summary(events_read=10, events_used=9, late=1, judged_from=JUDGED)) == []


def test_an_input_of_which_much_was_late_or_ahead_is_doubted(tmp_path: Path) -> None:
    (late,) = doubts(tmp_path, Summary(events_read=10, events_used=8, late=2, judged_from=JUDGED))
    assert late.startswith("only 8 of 10 events were used, 2 were late: sort the input by time")
    (ahead,) = doubts(tmp_path, Summary(events_read=1, ahead=1))
    assert "1 were ahead of all others" in ahead


def test_an_input_in_which_nobody_could_be_judged_is_doubted(tmp_path: Path) -> None:
    (unjudged,) = doubts(tmp_path, Summary(events_read=10, events_used=10))
    assert unjudged.startswith("nothing was judged: the population was never known; it takes at least 30 hours")
    assert "200 accounts a day that were seen for 12 hours (detection.reference" in unjudged
    late, unjudged = doubts(tmp_path, Summary(events_read=10, events_used=8, late=2))
    assert late.startswith("only 8 of 10")
    assert unjudged.startswith("nothing was judged")
