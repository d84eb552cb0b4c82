"""What is handed on: CSV for people and scripts, STIX 2.1 for other providers, read again by its own library."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
import stix2
from stix2.v21 import Campaign, Grouping, Indicator, UserAccount

from streamer.cases.case import Case
from streamer.cases.export_csv import as_csv
from streamer.cases.export_stix import EXTENSION, as_stix
from streamer.cases.records import AlertRecord, MemberRecord, SharedLink
from streamer.cases.store import CaseStore
from tests.cases import made_up
from tests.cases.made_up import ALERT_ID, CLUSTER_ID, alert, limit, said

ODD = "it's \\ odd] OR [ipv4-addr:value = '1.1.1.1'"


def case_of(**more: object) -> Case:
    store = CaseStore()
    links = (SharedLink("template", "9f3c", 3), SharedLink("device", ODD, 2), SharedLink("payment", "alone", 1))
    store.alert(alert(links=links, evidence=made_up.evidence(3), **more))  # type: ignore[arg-type]
    ties = ("address_block:203.0.113.0/24", "address_block:2001:db8:1::/48", "address_block:nowhere")
    for number in range(3):
        name = "=cmd()" if number == 2 else f"acct_{number}"
        store.member(MemberRecord(name, CLUSTER_ID, since="2026-03-04T11:00:00.000Z", score=number / 4, links=ties))
    store.member(MemberRecord("gone", CLUSTER_ID, status="left"))
    store.limit(limit("acct_1"))
    found = store.case(ALERT_ID)
    assert found is not None
    return found


def parsed(text: str) -> Any:
    return stix2.parse(text, allow_custom=False)


def of_type(bundle: Any, kind: type) -> list[Any]:
    return [each for each in bundle.objects if isinstance(each, kind)]


def test_the_table_has_every_indicator_and_member() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(case_of(), pseudonymized=False))))
    indicators = [(row["kind"], row["value"], row["account_count"]) for row in rows if row["record"] == "indicator"]
    assert ("address_block", "203.0.113.0/24", "3") in indicators
    assert ("template", "9f3c", "3") in indicators
    assert all(value != "alone" for _, value, _ in indicators)
    members = {row["value"]: row for row in rows if row["record"] == "member"}
    assert members["acct_1"]["limit"] == "throttle shadow"
    assert members["gone"]["status"] == "left"
    assert {row["alert_id"] for row in rows} == {ALERT_ID}


def test_no_cell_is_a_formula() -> None:
    rows = list(csv.reader(io.StringIO(as_csv(case_of(), pseudonymized=False))))
    assert "'=cmd()" in [cell for row in rows for cell in row]
    assert [cell for row in rows for cell in row if cell.startswith(("=", "+", "@"))] == []


def test_the_bundle_is_read_again_strictly_and_says_what_the_case_says() -> None:
    bundle = parsed(as_stix(case_of(), pseudonymized=False))
    (campaign,) = of_type(bundle, Campaign)
    assert campaign.name == CLUSTER_ID
    assert "evenness" in campaign.description
    (grouping,) = of_type(bundle, Grouping)
    ids = {each.id for each in bundle.objects}
    assert set(grouping.object_refs) <= ids
    assert {account.user_id for account in of_type(bundle, UserAccount)} == {"acct_0", "acct_1", "=cmd()"}
    patterns = {indicator.pattern for indicator in of_type(bundle, Indicator)}
    assert "[ipv4-addr:value ISSUBSET '203.0.113.0/24']" in patterns
    assert "[ipv6-addr:value ISSUBSET '2001:db8:1::/48']" in patterns
    assert "[x-streamer-link:kind = 'template' AND x-streamer-link:value = '9f3c']" in patterns
    assert "[x-streamer-link:kind = 'address_block' AND x-streamer-link:value = 'nowhere']" in patterns


def test_a_value_cannot_break_out_of_its_pattern() -> None:
    bundle = parsed(as_stix(case_of(), pseudonymized=False))
    (odd,) = [each for each in of_type(bundle, Indicator) if each.extensions[EXTENSION]["value"] == ODD]
    assert odd.pattern.count("ipv4-addr") == 1
    assert odd.pattern.startswith("[x-streamer-link:kind = 'device' AND x-streamer-link:value = 'it\\'s \\\\ odd] OR")


def test_the_same_case_is_the_same_bundle_and_a_later_one_the_same_objects() -> None:
    first, again = (as_stix(case_of(), pseudonymized=False) for _ in range(2))
    assert first == again
    later = as_stix(case_of(revision=2), pseudonymized=False)
    one, other = ({each["id"]: each for each in json.loads(text)["objects"]} for text in (first, later))
    assert one.keys() == other.keys()
    campaign = next(name for name in one if name.startswith("campaign--"))
    assert one[campaign]["created"] == other[campaign]["created"]
    assert one[campaign]["modified"] < other[campaign]["modified"]


def test_a_pseudonym_of_a_network_is_not_handed_on_as_a_network() -> None:
    patterns = [each.pattern for each in of_type(parsed(as_stix(case_of(), pseudonymized=True)), Indicator)]
    assert len(patterns) == 5
    assert all(pattern.startswith("[x-streamer-link:") for pattern in patterns)


def test_what_was_dismissed_is_revoked() -> None:
    store = CaseStore()
    store.alert(alert(links=(SharedLink("template", "9f3c", 3),)))
    store.feedback(said("dismiss"))
    case = store.case(ALERT_ID)
    assert case is not None
    (indicator,) = of_type(parsed(as_stix(case, pseudonymized=False)), Indicator)
    assert indicator.revoked is True


@pytest.mark.parametrize("pseudonymized", [True, False])
def test_an_alert_that_tells_nothing_more_can_be_handed_on(pseudonymized: bool) -> None:  # noqa: FBT001 - a parameter of the test
    store = CaseStore()
    store.alert(AlertRecord("a-old"))
    case = store.case("a-old")
    assert case is not None
    assert of_type(parsed(as_stix(case, pseudonymized=pseudonymized)), Campaign)
    assert len(as_csv(case, pseudonymized=pseudonymized).splitlines()) == 1
