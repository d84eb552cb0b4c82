"""Verdict and policy make limits: capped, expiring, in shadow mode until an operator says otherwise."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import asdict, astuple, replace
from typing import Any

from streamer.detection.records import Alert, Limit, LimitLifted
from streamer.detection.settings import LimitSettings

# Near the cap a limit waits for the close, where accounts come in one order whoever was loud first.
EARLY_ROOM = 100


class LimitBook:
    """Knows which accounts are limited by which alert, until when, and proposes no more than policy allows."""

    def __init__(self, settings: LimitSettings) -> None:
        self._settings = settings
        self._held: dict[str, Limit] = {}

    def __len__(self) -> int:
        """Count the accounts under a limit."""
        return len(self._held)

    def propose(
        self,
        alert: Alert,
        accounts: Iterable[str],
        now_ms: int,
        replaced: Container[str] = frozenset(),
        *,
        early: bool = False,
    ) -> list[Limit]:
        """Give new limits, and renewals of those past half their life, for the accounts of a firing alert.

        Limits that rest on the alerts in `replaced` give way to its own. Those that are `early` need much room.
        """
        settings = self._settings
        if alert.status != "firing" or alert.severity not in settings.severities:
            return []
        life_ms = settings.expires_after_s * 1000
        room = EARLY_ROOM if early else 1
        issued = []
        for account_id in sorted(accounts):
            held = self._held.get(account_id)
            holds = held is not None and held.alert_id not in replaced and held.expires_at - now_ms > life_ms / 2
            if account_id in settings.allow or holds:
                continue
            if held is None and len(self._held) + room > settings.max_accounts:
                continue
            limit = Limit(
                account_id=account_id,
                action=settings.action,
                requests_per_minute=settings.requests_per_minute,
                mode=settings.mode,
                alert_id=alert.alert_id,
                reason=alert.summary,
                issued_at=now_ms,
                expires_at=now_ms + life_ms,
            )
            self._held[account_id] = limit
            issued.append(limit)
        return issued

    def allowed(self, account_id: str) -> bool:
        """Whether policy lets this account be limited at all."""
        return account_id not in self._settings.allow

    def lift(self, alert_id: str, now_ms: int) -> list[LimitLifted]:
        """Take back every limit of an alert."""
        lifted = [limit for _, limit in sorted(self._held.items()) if limit.alert_id == alert_id]
        for limit in lifted:
            del self._held[limit.account_id]
        return [LimitLifted(**asdict(replace(limit, expires_at=now_ms)), lifted_at=now_ms) for limit in lifted]

    def expire(self, now_ms: int) -> None:
        """Forget limits that have run out by themselves."""
        self._held = {name: limit for name, limit in self._held.items() if limit.expires_at > now_ms}

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same book."""
        return [list(astuple(limit)) for _, limit in sorted(self._held.items())]

    def restore(self, state: list[Any]) -> None:
        """Take over what `snapshot` gave."""
        limits = [Limit(*plain) for plain in state]
        self._held = {limit.account_id: limit for limit in limits}
