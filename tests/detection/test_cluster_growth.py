"""A cluster takes in who joins its group, and one account between two groups makes no trouble."""

from __future__ import annotations

import pytest

from streamer.detection.cluster_stage import ClusterStage
from streamer.detection.evidence import HandOff, LeadReport
from tests.detection.handmade import default_settings, key_of, lead, leads, watched

START = 100
HOUR = 6  # windows


def named(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number:02}" for number in range(count)]


def told(window: int, scores: dict[str, float], values: dict[str, list[str]], *passed: tuple[str, str]) -> LeadReport:
    """Accounts used alike, each as busy and regular as its score says; the values, cards, that some are on."""
    seen = watched(list(scores), window, requests=40, bins=90)
    rows = seen.table().copy()
    rows["scores"] = [[score] * rows["scores"].shape[1] for score in scores.values()]
    rows["scores"][:, 2] *= -1
    return leads(
        window,
        *(lead(names, value) for value, names in values.items()),
        hand_offs=[HandOff(key_of(giver), key_of(taker), 0, 900, by_shape=False) for giver, taker in passed],
        watched=seen._replace(rows=rows.tobytes()),
        tests=1,
    )


@pytest.mark.parametrize("grown", [21, 30, 40, 41, 60])
def test_who_comes_to_the_value_that_binds_a_cluster_joins_it(grown: int) -> None:
    stage = ClusterStage(default_settings(), 1)
    for window, count in ((START, 20), (START + 2 * HOUR, grown)):
        names = named("a", count)
        stage.observe(told(window, dict.fromkeys(names, 2.5), {"card": names}))
        stage.advance()
    (cluster,) = stage.clusters.by_id.values()
    assert len(cluster.accounts) == grown


def test_one_account_that_passes_requests_to_two_groups_at_once_joins_at_most_one() -> None:
    y, z = named("y", 12), named("z", 12)
    lowest = min(key_of("y00"), key_of("z00"))
    between = next(name for name in named("x", 999) if key_of(name) < lowest)
    scores = {between: 3.2, **dict.fromkeys(y, 2.5), **dict.fromkeys(z, 4.6)}
    # Ties so weak that nothing but the hand-offs is a seed.
    values = {"y-1": y, "y-2": y, "z-1": z, "z-2": z}
    stage = ClusterStage(default_settings(), 1)
    for window, passed in ((START, [(between, "y00"), (between, "z00")]), (START + 1, [])):
        report = told(window, scores, values, *passed)
        stage.observe(report._replace(leads=[found._replace(log10_p=-0.5) for found in report.leads]))
        stage.advance()
        clusters = stage.clusters.by_id
        assert {key: name for name, one in clusters.items() for key in one.accounts} == stage.clusters.of_account
        assert len(clusters) == 2
