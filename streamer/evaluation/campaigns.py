"""How each campaign fared: when it was alerted on, what it had got by then, and how soon its accounts were named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from streamer.evaluation.result import CampaignResult, FamilyStrength, RevisionMark, Timeline, Within
from streamer.evaluation.traffic import HOUR_MS, Plan, Traffic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamer.evaluation.history import History, Moment
    from streamer.evaluation.records import AlertRevision
    from streamer.evaluation.truth import Truth

HORIZONS_H: Final = (6, 24, 48, 72)


def rfc3339(moment_ms: int) -> str:
    """A time in milliseconds since the Unix epoch as RFC 3339 in UTC."""
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Judge:
    """Judges campaigns. Without `traffic` there are no times that count from a first request."""

    history: History
    truth: Truth
    traffic: Traffic | None
    plans: Mapping[str, Plan]

    def campaigns(self) -> tuple[CampaignResult, ...]:
        """Every campaign that truth names."""
        alerts: dict[str, list[Moment]] = {}
        for moment in self.history.moments:
            owner = self.truth.owner(moment.accounts) if moment.loud and moment.alert.kind == "cluster" else None
            if owner is not None and moment.when_ms >= self._begins(owner):
                alerts.setdefault(owner, []).append(moment)
        return tuple(
            self._campaign(name, accounts, alerts.get(name, [])) for name, accounts in sorted(self._all().items())
        )

    def timelines(self) -> tuple[Timeline, ...]:
        """The course of every campaign that sent a request."""
        return tuple(self._timeline(name) for name in sorted(self._all()) if self._first_request(name) is not None)

    def _all(self) -> dict[str, set[str]]:
        return self.truth.campaigns()

    def _first_request(self, name: str) -> int | None:
        return None if self.traffic is None else self.traffic.begins_ms(name)

    def _begins(self, name: str) -> int:
        """No alert is about a campaign before that: its first request, or else its planned start."""
        first = self._first_request(name)
        return first if first is not None else self.plans.get(name, Plan()).start_ms or 0

    def _campaign(self, name: str, accounts: set[str], alerts: list[Moment]) -> CampaignResult:
        begins = self._first_request(name)
        first = alerts[0] if alerts else None
        share = real = None
        if self.traffic is not None and begins is not None:
            share = self.traffic.share_before(name, first.when_ms) if first else 1.0
            real = self.traffic.real_share(name, share) if first else 1.0
        named = sum(account in self.history.named_ms for account in accounts)
        seen = accounts if self.traffic is None else accounts & self.traffic.account_first_ms.keys()
        return CampaignResult(
            name=name,
            accounts=len(accounts),
            first_request=None if begins is None else rfc3339(begins),
            detected=first is not None,
            alert_id=first.alert.alert_id if first else None,
            severity=first.alert.severity if first else None,
            detected_at=rfc3339(first.when_ms) if first else None,
            hours_to_detection=None if first is None or begins is None else (first.when_ms - begins) / HOUR_MS,
            share_served_before=share,
            named=named,
            recall=named / len(accounts),
            clusters=len({moment.alert.cluster_id or moment.alert.alert_id for moment in alerts}),
            real_days=self.plans.get(name, Plan()).days,
            real_share_before=real if self.plans.get(name, Plan()).days is not None else None,
            named_within=self._within(seen),
            silent_accounts=len(accounts) - len(seen),
            answered=None if self.traffic is None else self.traffic.answered(name),
            days_seen=None if self.traffic is None else self.traffic.days_seen(name),
            evidence=strengths(first.alert) if first else (),
            links=tuple(dict.fromkeys(link.kind for link in first.alert.links)) if first else (),
        )

    def _within(self, accounts: set[str]) -> tuple[Within, ...]:
        if self.traffic is None or self.traffic.last_ms is None:
            return ()
        found = []
        for hours in HORIZONS_H:
            until = {account: self.traffic.account_first_ms[account] + hours * HOUR_MS for account in accounts}
            whole = [account for account, end in until.items() if end <= self.traffic.last_ms]
            named_ms = self.history.named_ms
            named = sum(account in named_ms and named_ms[account] <= until[account] for account in whole)
            share = named / len(whole) if whole else None
            found.append(Within(hours, named, len(whole), len(accounts) - len(whole), share))
        return tuple(found)

    def _timeline(self, name: str) -> Timeline:
        traffic, begins = self.traffic, self._begins(name)
        assert traffic is not None  # noqa: S101 - only called where there are events
        hours = traffic.hours(name)
        last = max([*hours, (traffic.last_ms or begins) // HOUR_MS])
        span = range(begins // HOUR_MS, last + 1)
        origin_ms = span.start * HOUR_MS
        named = sorted(
            self.history.named_ms[account] for account in self._all()[name] if account in self.history.named_ms
        )
        marks = tuple(
            RevisionMark(
                round((moment.when_ms - origin_ms) / HOUR_MS, 3),
                moment.alert.severity,
                moment.alert.status,
                len(moment.accounts),
            )
            for moment in self.history.moments
            if moment.alert.kind == "cluster" and self.truth.owner(moment.accounts) == name
        )
        return Timeline(
            campaign=name,
            begins=rfc3339(origin_ms),
            requests=tuple(hours[hour].requests if hour in hours else 0 for hour in span),
            active=tuple(hours[hour].accounts if hour in hours else 0 for hour in span),
            named=tuple(sum(when <= (hour + 1) * HOUR_MS for when in named) for hour in span),
            revisions=marks,
        )


def strengths(alert: AlertRevision) -> tuple[FamilyStrength, ...]:
    """What an alert rests on, family by family, the strongest first."""
    by_family: dict[str, float] = {}
    for item in alert.evidence:
        by_family[item.family] = min(item.log10_p, by_family.get(item.family, 0.0))
    total = sum(by_family.values())
    ordered = sorted(by_family.items(), key=lambda pair: (pair[1], pair[0]))
    return tuple(FamilyStrength(name, value, value / total if total else 0.0) for name, value in ordered)
