"""How accounts hang together is told by values, never by accounts, and the figures add up."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.cases.bonds import NONE, REST, Bond, bonds_of, shared_values
from streamer.cases.case import Case
from streamer.cases.records import MemberRecord, SharedLink
from streamer.cases.store import CaseStore
from tests.cases import made_up
from tests.cases.made_up import ALERT_ID, CLUSTER_ID, alert


def case_of(*members: tuple[str, ...], **more: object) -> Case:
    store = CaseStore()
    store.alert(alert(**more))  # type: ignore[arg-type]
    for number, links in enumerate(members):
        store.member(MemberRecord(f"m-{number}", CLUSTER_ID, links=links))
    found = store.case(ALERT_ID)
    assert found is not None
    return found


def test_the_large_values_the_small_ones_and_those_without() -> None:
    bonds = bonds_of(
        case_of(
            ("payment:p", "address_block:1"),
            ("payment:p", "address_block:1"),
            ("payment:p", "address_block:2"),
            ("payment:q", "address_block:3", "address_block:4"),
            (),
        ),
        shown_values=1,
    )
    assert bonds.accounts == 5
    payment, blocks = bonds.kinds
    assert payment.largest == (Bond("payment", "p", 3), Bond("payment", "q", 1))
    assert (payment.rest_values, payment.rest_accounts, payment.without) == (0, 0, 1)
    assert blocks.largest == (Bond("address_block", "1", 2),)
    assert (blocks.rest_values, blocks.rest_accounts, blocks.rest_largest, blocks.without) == (3, 2, 1, 1)
    found = {(each.one[1], each.other[1]): each.account_count for each in bonds.overlaps}
    assert found == {(0, 0): 2, (0, REST): 1, (1, REST): 1, (NONE, NONE): 1}


def test_without_ties_of_members_the_alert_tells_its_values() -> None:
    links = tuple(SharedLink("payment", f"p{number}", 20 - number) for number in range(12))
    bonds = bonds_of(case_of((), links=links))
    (payment,) = bonds.kinds
    assert bonds.accounts == 60
    assert payment.largest[0] == Bond("payment", "p0", 20)
    assert (len(payment.largest), payment.rest_values) == (8, 4)
    assert bonds.overlaps == ()


def test_an_alert_of_an_older_version_tells_nothing_and_nothing_is_made_up() -> None:
    assert bonds_of(case_of(())).kinds == ()
    assert shared_values(case_of(())) == []


def test_those_who_left_do_not_count() -> None:
    store = CaseStore()
    store.alert(alert())
    for name, status in (("a", "member"), ("b", "left"), ("c", "member")):
        store.member(MemberRecord(name, CLUSTER_ID, links=("device:d",), status=status))
    case = store.case(ALERT_ID)
    assert case is not None
    assert shared_values(case) == [Bond("device", "d", 2)]
    assert bonds_of(case).accounts == 2


def test_a_large_campaign_is_told_in_as_little_as_a_small_one() -> None:
    store = CaseStore()
    made_up.campaign(store, 5_000, hours=3, revisions=1)
    case = store.case(ALERT_ID)
    assert case is not None
    bonds = bonds_of(case)
    assert bonds.accounts == len(case.live_members)
    assert sum(len(kind.largest) for kind in bonds.kinds) <= 9 * 5
    assert len(bonds.overlaps) <= 10 * 10 * 4
    template = next(kind for kind in bonds.kinds if kind.kind == "template")
    assert sum(bond.account_count for bond in template.largest) == bonds.accounts


LINKS = st.sets(st.tuples(st.sampled_from("ab"), st.integers(0, 6)), max_size=4).map(
    lambda found: tuple(sorted(f"{kind}:{value}" for kind, value in found))
)


@settings(max_examples=100)
@given(st.lists(LINKS, min_size=1, max_size=40), st.integers(1, 4))
def test_every_account_is_counted(members: list[tuple[str, ...]], shown: int) -> None:
    bonds = bonds_of(case_of(*members), shown_values=shown)
    for kind in bonds.kinds:
        of_kind = [{link for link in links if link.startswith(f"{kind.kind}:")} for links in members]
        assert kind.without == sum(not links for links in of_kind)
        assert len(kind.largest) + kind.rest_values == len(frozenset().union(*of_kind))
        for bond in kind.largest:
            assert bond.account_count == sum(f"{bond.kind}:{bond.value}" in links for links in of_kind)
        shown_links = {f"{bond.kind}:{bond.value}" for bond in kind.largest}
        assert kind.rest_accounts == sum(bool(links - shown_links) for links in of_kind)
    if len(bonds.kinds) == 2:
        assert sum(each.account_count for each in bonds.overlaps) >= len(members)


def test_variations_of_one_template_are_one_and_another_is_another() -> None:
    near = "template:6aa9ee66083d1972/0", "template:6aa9ee62083f1962/1", "template:4aa9ee66083519f2/4"
    other = "template:95561199f7c2e68d/0"
    case = case_of(near, (near[0],), (near[1], "payment:p"), (other,), (other, near[0]))
    (template,) = [kind for kind in bonds_of(case).kinds if kind.kind == "template"]
    assert template.largest == (
        Bond("template", "6aa9ee66083d1972", 4),
        Bond("template", "95561199f7c2e68d", 2),
    )
    assert shared_values(case) == list(template.largest)


def test_an_alert_that_tells_variations_tells_one_template() -> None:
    links = (SharedLink("template", "6aa9ee66083d1972/0", 60), SharedLink("template", "6aa9ee62083f1962/1", 59))
    (template,) = bonds_of(case_of((), links=links)).kinds
    assert template.largest == (Bond("template", "6aa9ee66083d1972", 60),)
