"""Settings that cannot work are refused with what was found."""

from __future__ import annotations

import pytest

from streamer.detection.settings import DetectionSettings, LimitSettings, WindowSettings


@pytest.mark.parametrize("window_s", [1, 60, 300, 600, 3600])
def test_a_window_divides_an_hour(window_s: int) -> None:
    assert WindowSettings(window_s=window_s).window_ms == 1000 * window_s


@pytest.mark.parametrize("window_s", [0, -60, 7, 3601, 7200])
def test_a_window_that_does_not_divide_an_hour_is_refused(window_s: int) -> None:
    with pytest.raises(ValueError, match=f"must divide an hour.*found {window_s}"):
        WindowSettings(window_s=window_s)


def test_a_negative_lateness_is_refused() -> None:
    assert WindowSettings(lateness_s=0).lateness_s == 0
    with pytest.raises(ValueError, match="lateness_s must not be negative, found -1"):
        WindowSettings(lateness_s=-1)


def test_times_are_counted_in_windows_of_which_there_is_one_at_least() -> None:
    window = WindowSettings(window_s=600)
    assert [window.windows(seconds) for seconds in (0, 1, 600, 3600, 86_400)] == [1, 1, 1, 6, 144]


@pytest.mark.parametrize("name, value", [("mode", "on"), ("mode", ""), ("action", "delete")])
def test_a_policy_that_does_not_exist_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be one of .*, found '{value}'"):
        LimitSettings(**{name: value})  # type: ignore[arg-type]


def test_limits_are_in_shadow_mode_until_somebody_says_otherwise() -> None:
    assert DetectionSettings().limit.mode == "shadow"


def test_the_population_lags_behind_what_is_judged() -> None:
    assert DetectionSettings().reference.lag_epochs >= 1
