"""The page of a campaign of 25,000 accounts: how long until it is there, and what its records cost in memory."""

from __future__ import annotations

import time
from statistics import median
from urllib.request import urlopen

from streamer.cases.records import MemberRecord
from tests.benchmarks.memory import resident_bytes
from tests.benchmarks.results import Result, say
from tests.cases import made_up
from tests.web.site import Site

ACCOUNTS = 25_000
ROUNDS = 15


def main() -> None:
    """Measure."""
    site = Site()
    before = resident_bytes()
    made_up.campaign(site.store, ACCOUNTS)
    grown = resident_bytes() - before
    with site.running() as url:
        page = f"{url}/alerts/{made_up.ALERT_ID}"
        first = _milliseconds(page)
        again = median(_milliseconds(page) for _ in range(ROUNDS))
        changed = []
        for number in range(ROUNDS):
            # A new member makes another version of the case, whose links are added up again.
            site.store.member(MemberRecord(f"new-{number}", made_up.CLUSTER_ID))
            changed.append(_milliseconds(page))
        stix = _milliseconds(f"{page}/export?format=stix")
    say(
        Result("page of 25,000 accounts, first", first, "ms"),
        Result("the same after news", median(changed), "ms", "under 1,000"),
        Result("the same unchanged", again, "ms", "under 250"),
        Result("its STIX bundle", stix, "ms"),
        Result("its records in memory", grown / ACCOUNTS, "bytes per account", "at most 2,500"),
    )


def _milliseconds(url: str) -> float:
    started = time.perf_counter()
    with urlopen(url, timeout=120) as answer:  # noqa: S310 - our own page
        answer.read()
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    main()
