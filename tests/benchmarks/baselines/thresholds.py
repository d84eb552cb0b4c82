"""Three threshold rules per account: requests, output tokens and 429s over five sliding minutes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from streamer.sources.event import RequestEvent
from tests.benchmarks.baselines.scored import Best, Scored
from tests.benchmarks.rules import LIMITED, WINDOW_MS, Seen


@dataclass(frozen=True)
class ThresholdRules:
    """The rules of `tests.benchmarks.rules`, each with a threshold of its own."""

    name: str = "three rules per account"
    rules: tuple[str, ...] = ("requests", "tokens", "limited")
    collects: bool = True

    def scores(self, events: Iterable[RequestEvent]) -> Iterator[Scored]:
        windows: dict[str, deque[Seen]] = {}
        sums: dict[str, list[int]] = {}
        best = Best()
        for event in events:
            account, now = event.account_id, event.timestamp_ms
            window = windows.setdefault(account, deque())
            total = sums.setdefault(account, [0, 0, 0])
            seen = Seen(now, event.output_tokens or 0, int(event.status == LIMITED))
            window.append(seen)
            _add(total, seen, 1)
            while window[0].at_ms < now - WINDOW_MS:
                _add(total, window.popleft(), -1)
            for rule, value in zip(self.rules, total, strict=True):
                if best.higher(rule, account, value):
                    yield Scored(now, rule, account, (account,), value)


def _add(total: list[int], seen: Seen, sign: int) -> None:
    for at, value in enumerate((1, seen.tokens, seen.limited)):
        total[at] += sign * value
