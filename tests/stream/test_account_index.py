from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamer.stream.account_index import BUCKETS, AccountIndex, merge_records

ACCOUNTS = st.sampled_from([f"account-{number}" for number in range(40)])
CHECKPOINTS = st.lists(st.dictionaries(ACCOUNTS, st.binary(min_size=1, max_size=4)), max_size=3 * BUCKETS)


@given(CHECKPOINTS)
def test_what_was_written_last_is_what_is_restored(checkpoints: list[dict[str, bytes]]) -> None:
    index, records, stored = AccountIndex(), dict[str, bytes](), dict[str, bytes]()
    for sequence, changed in enumerate(checkpoints):
        records |= changed
        stored |= index.sections(sequence, changed, records.get)
    assert merge_records(stored) == records


@given(CHECKPOINTS, ACCOUNTS)
def test_a_forgotten_account_leaves_the_state_within_a_round(checkpoints: list[dict[str, bytes]], name: str) -> None:
    index, records, stored = AccountIndex(), {name: b"1"}, dict[str, bytes]()
    stored |= index.sections(0, dict(records), records.get)
    for sequence, changed in enumerate(checkpoints, 1):
        records |= changed
        stored |= index.sections(sequence, changed, records.get)
    records.pop(name, None)
    first = len(checkpoints) + 1
    for sequence in range(first, first + BUCKETS):
        stored |= index.sections(sequence, {}, records.get)
    assert merge_records(stored) == records
    assert len(index) == len(records)


def test_a_restored_index_goes_on_writing_every_account() -> None:
    records = {f"account-{number}": bytes([number]) for number in range(200)}
    index = AccountIndex()
    index.load(records)
    stored: dict[str, bytes] = {}
    for sequence in range(BUCKETS):
        stored |= index.sections(sequence, {}, records.get)
    assert merge_records(stored) == records
