"""Pictures: everything drawn lies inside, no account has a mark of its own, and bars are as long as they say."""

from __future__ import annotations

import re

import pytest

from streamer.cases.activity import activity_of
from streamer.cases.bonds import Bonds, bonds_of
from streamer.cases.case import Case
from streamer.cases.records import SharedLink
from streamer.cases.store import CaseStore
from streamer.web.bonds_picture import SCALE_HEIGHT, bonds_picture
from streamer.web.timeline_picture import timeline_picture
from tests.cases import made_up
from tests.cases.made_up import ALERT_ID


def case_of(accounts: int, hours: int = 72) -> Case:
    store = CaseStore()
    made_up.campaign(store, accounts, hours=hours, revisions=1)
    found = store.case(ALERT_ID)
    assert found is not None
    return found


@pytest.mark.parametrize("accounts", [1, 40, 3_000])
def test_links_are_drawn_by_value(accounts: int) -> None:
    bonds = bonds_of(case_of(accounts, hours=1))
    picture = bonds_picture(bonds)
    assert picture is not None
    assert len(picture.bars) <= 10 * len(bonds.kinds)
    assert len(picture.bands) <= 100 * (len(bonds.kinds) - 1)
    for bar in picture.bars:
        assert 0 <= bar.x <= picture.width - picture.bar
        assert bar.y > 0
        assert bar.y + bar.height <= picture.height
    numbers = [float(each) for band in picture.bands for each in re.findall(r"[\d.]+", band.path)]
    assert all(0 <= number <= max(picture.width, picture.height) for number in numbers)


def test_a_bar_is_as_high_as_its_share() -> None:
    bonds = bonds_of(case_of(3_000, hours=1))
    picture = bonds_picture(bonds)
    assert picture is not None
    template = next(kind for kind in bonds.kinds if kind.kind == "template")
    heights = [bar.height for bar in picture.bars if bar.title.startswith("prompt template ")]
    total = sum(bond.account_count for bond in template.largest)
    assert heights == pytest.approx([SCALE_HEIGHT * bond.account_count / total for bond in template.largest])


def test_a_value_that_not_all_accounts_have_is_no_whole_column() -> None:
    store = CaseStore()
    store.alert(made_up.alert(account_count=60, links=(SharedLink("payment", "p", 40), SharedLink("device", "d", 60))))
    case = store.case(ALERT_ID)
    assert case is not None
    picture = bonds_picture(bonds_of(case))
    assert picture is not None
    assert {bar.title: bar.height for bar in picture.bars} == {"payment instrument p": 200.0, "device d": 300.0}


def test_bars_do_not_lie_on_each_other() -> None:
    picture = bonds_picture(bonds_of(case_of(3_000, hours=1)))
    assert picture is not None
    for one, other in zip(picture.bars, picture.bars[1:], strict=False):
        assert one.x != other.x or one.y + one.height < other.y


def test_nothing_known_is_nothing_drawn() -> None:
    assert bonds_picture(Bonds(5, (), (), {})) is None
    store = CaseStore()
    store.alert(made_up.alert(updated_at=None, detected_at=None, started_at=None))
    case = store.case(ALERT_ID)
    assert case is not None
    assert timeline_picture(activity_of(case)) is None


@pytest.mark.parametrize("hours", [1, 72, 2_000])
def test_time_is_drawn_in_steps_that_can_be_seen(hours: int) -> None:
    activity = activity_of(case_of(50, hours=hours))
    picture = timeline_picture(activity)
    assert picture is not None
    for panel in picture.panels:
        assert len(panel.bars) == len(activity.steps) <= 121
        for bar in panel.bars:
            assert picture.left <= bar.x
            assert bar.x + bar.width <= picture.right + 0.01
            assert bar.width > 2
            assert panel.top - 0.01 <= bar.y
            assert bar.y + bar.height == pytest.approx(panel.base)
    assert all(picture.left <= tick.place <= picture.right for tick in (*picture.times, *picture.marks))
    requests = [step.request_count for step in activity.steps]
    heights = [bar.height for bar in picture.panels[0].bars]
    assert heights.index(max(heights)) == requests.index(max(requests))
