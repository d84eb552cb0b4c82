"""What a replay says of itself."""

from __future__ import annotations

from pathlib import Path

from streamer.detection.detector import Detector
from streamer.detection.settings import DetectionSettings
from streamer.replay import Replay, Summary
from streamer.sinks.files import FileSink


def doubt(tmp_path: Path, summary: Summary) -> str | None:
    replay = Replay(Detector(DetectionSettings()), FileSink(tmp_path), lambda: 0.0)
    replay.summary = summary
    return replay.doubt()


def test_an_input_nearly_all_of_which_was_used_raises_no_doubt(tmp_path: Path) -> None:
    assert doubt(tmp_path, Summary(events_read=10, events_used=9, late=1)) is None


def test_an_input_of_which_much_was_late_or_ahead_is_doubted(tmp_path: Path) -> None:
    late = doubt(tmp_path, Summary(events_read=10, events_used=8, late=2))
    assert late is not None
    assert late.startswith("only 8 of 10 events were used, 2 were late: sort the input by time")
    ahead = doubt(tmp_path, Summary(events_read=1, ahead=1))
    assert ahead is not None
    assert "1 were ahead of all others" in ahead
