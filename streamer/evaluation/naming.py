"""Who was named, when, and as part of what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from streamer.evaluation.records import AlertRevision, MembershipRecord, to_ms

if TYPE_CHECKING:
    from collections.abc import Iterable

SEVERITIES: Final = ("info", "warning", "critical")
LOUD: Final = frozenset({"warning", "critical"})


@dataclass
class Naming:
    """When each account was first named (milliseconds), and who was ever in each cluster."""

    first_ms: dict[str, int] = field(default_factory=dict)
    clusters: dict[str, set[str]] = field(default_factory=dict)

    def add(self, accounts: Iterable[str], when_ms: int, cluster_id: str | None) -> None:
        """Note that these accounts were named at that time."""
        for account in accounts:
            self.first_ms[account] = min(when_ms, self.first_ms.get(account, when_ms))
            if cluster_id is not None:
                self.clusters.setdefault(cluster_id, set()).add(account)


def naming(alerts: Iterable[AlertRevision], members: Iterable[MembershipRecord]) -> Naming:
    """Everyone named by a firing warning or critical alert, or by a membership.

    Whoever was named once stays named. A revision names, at its own time, the accounts it has then.
    """
    named = Naming()
    for alert in alerts:
        if alert.status == "firing" and alert.severity in LOUD:
            named.add(alert.accounts, to_ms(alert.updated_at), alert.cluster_id)
    for member in members:
        if member.status == "member":
            named.add([member.account_id], to_ms(member.since), member.cluster_id)
    return named
