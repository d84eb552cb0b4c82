from __future__ import annotations

import ctypes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2

from streamer.errors import UsageError
from streamer.sources.decode import Decoder
from streamer.sources.event import RequestEvent
from streamer.stream.messages import Outgoing
from streamer.stream.pace import Pace, Speed, parse_speed
from streamer.stream.packing import Packer, partition_of

NOW_MS = 1_793_000_000_000


def event(at: int, account: str) -> RequestEvent:
    return RequestEvent(event_id=f"ev-{at}", timestamp=NOW_MS + at, account_id=account, model="large-1")


def pack(packer: Packer, events: list[RequestEvent]) -> list[Outgoing]:
    full = [message for one in events if (message := packer.put(one)) is not None]
    return [*full, *packer.flush()]


# The vectors of Kafka's own UtilsTest.testMurmur2.
@pytest.mark.parametrize(
    "key, signed",
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_that_of_kafka(key: bytes, signed: int) -> None:
    assert ctypes.c_int32(murmur2(key)).value == signed
    assert partition_of(key, 6) == (signed & 0x7FFFFFFF) % 6


ACCOUNTS = st.lists(st.sampled_from([f"acct-{at}" for at in range(20)] + ["ä", "日本"]), max_size=80)


@given(ACCOUNTS, st.integers(2, 9), st.integers(1, 7), st.integers(100, 900))
def test_every_event_is_in_one_message_of_its_partition_and_in_order(
    accounts: list[str], batch_events: int, partitions: int, max_bytes: int
) -> None:
    events = [event(at, account) for at, account in enumerate(accounts)]
    packer = Packer("requests", partitions, batch_events=batch_events, max_bytes=max_bytes)
    seen: dict[str, list[RequestEvent]] = {}
    for message in pack(packer, events):
        assert (message.topic, message.key) == ("requests", None)
        found = Decoder().decode(message.value or b"").events
        assert 1 <= len(found) <= batch_events
        assert len(message.value or b"") <= max_bytes or len(found) == 1
        for one in found:
            assert partition_of(one.account_id.encode(), partitions) == message.partition
            seen.setdefault(one.account_id, []).append(one)
    assert seen == {account: [one for one in events if one.account_id == account] for account in set(accounts)}


def test_single_events_go_under_their_account() -> None:
    packer = Packer("requests", 6, batch_events=1, max_bytes=1000)
    [message] = pack(packer, [event(1, "acct-1")])
    assert (message.key, message.partition) == (b"acct-1", partition_of(b"acct-1", 6))
    assert Decoder().decode(message.value or b"").events == [event(1, "acct-1")]


@pytest.mark.parametrize(
    "text, speed",
    [("max", Speed()), ("5000/s", Speed(events_per_s=5000)), ("60x", Speed(times=60)), ("0.5x", Speed(times=0.5))],
)
def test_speeds_are_read(text: str, speed: Speed) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["", "fast", "0x", "-1/s", "nan x", "nanx", "infx", "60", "/s", "x"])
def test_what_is_no_speed_is_said_so(text: str) -> None:
    with pytest.raises(UsageError, match="times real time"):
        parse_speed(text)


def test_pace_follows_events_or_their_time() -> None:
    now = [100.0]
    by_count = Pace(Speed(events_per_s=10), lambda: now[0])
    assert [round(by_count.wait_s(NOW_MS), 6) for _ in range(3)] == [0.0, 0.1, 0.2]
    by_time = Pace(Speed(times=60), lambda: now[0])
    assert by_time.wait_s(NOW_MS) == 0
    assert by_time.wait_s(NOW_MS + 120_000) == 2
    now[0] = 105.0
    assert by_time.wait_s(NOW_MS + 120_000) == -3
    assert Pace(Speed(), lambda: now[0]).wait_s(NOW_MS) == 0
