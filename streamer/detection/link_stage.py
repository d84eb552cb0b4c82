"""Stage 2: rows of all input partitions in, improbable groups and accounts out, window by window."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from streamer.detection.evidence import (
    Candidate,
    Count,
    EvidenceItem,
    Profile,
    Row,
    Suspect,
    SuspectReport,
    WindowReport,
)
from streamer.detection.group import Member, Table, candidates, judge
from streamer.detection.link_index import Group, LinkIndex
from streamer.detection.links import Link
from streamer.detection.population import SURPRISE_BINS_PER_UNIT, Feature, Population, Reference
from streamer.detection.settings import DetectionSettings
from streamer.detection.statistics import log_steps
from streamer.detection.window import Barrier

FORMAT = 1


class LinkStage:
    """Judges the groups of this partition's shards when every source partition has told of a window.

    `sources` is the number of input partitions, `partitions` that of link partitions, this being number `partition`.
    """

    def __init__(self, settings: DetectionSettings, sources: int, partition: int = 0, partitions: int = 1) -> None:
        self.settings = settings
        self.partition = partition
        self.partitions = partitions
        self.late_rows = 0
        self._index = LinkIndex(settings.link, settings.window, partition, partitions)
        self._barrier: Barrier[Row] = Barrier(sources)
        self._summaries: dict[int, list[Count]] = {}
        self._population = Population(settings.reference, settings.window)
        self._reported = -1
        self._idle = False

    @property
    def group_count(self) -> int:
        """How many link values are held because more than one account is on them."""
        return len(self._index.groups)

    @property
    def hub_count(self) -> int:
        """How many link values are too popular to bind anybody."""
        return self._index.hub_count

    @property
    def closed_through(self) -> int:
        """The newest window that was judged."""
        return self._barrier.closed_through

    def observe(self, report: WindowReport) -> None:
        """Take in what one source partition has to say; what it said before is ignored."""
        repeated = self._barrier.passed(report.partition, report.window)
        if not repeated:
            late = self._barrier.add(report.window, report.rows)
            self.late_rows += late
            if report.summary and report.window > self._barrier.closed_through:
                self._summaries.setdefault(report.window, []).extend(report.summary)
        if report.last:
            self._barrier.report(report.partition, report.window, idle=report.idle)

    def advance(self) -> list[SuspectReport]:
        """Judge every window that all sources have passed."""
        released = self._barrier.release()
        through = self._barrier.closed_through
        for window in sorted(known for known in self._summaries if known <= through):
            self._population.learn(window, self._summaries.pop(window))
        reports = [self._close(window, rows) for window, rows in released]
        idle = self._barrier.idle
        if through > self._reported and (not reports or reports[-1].window < through):
            reports.append(SuspectReport(self.partition, through, [], 0, 0))
        if reports:
            self._reported = through
            reports[-1] = reports[-1]._replace(idle=idle)
        elif idle != self._idle:
            reports.append(SuspectReport(self.partition, through, [], 0, 0, idle=idle))
        self._idle = idle
        return reports

    def _close(self, window: int, rows: Iterable[Row]) -> SuspectReport:
        reference = self._population.reference(window)
        by_account = {row.profile.account_id: row for row in rows}
        ordered = [by_account[name] for name in sorted(by_account)]
        self._index.see(ordered, window)
        suspects = [found for row in ordered if (found := self._judge_account(row.profile, reference)) is not None]
        tests = 0
        for key, group in self._index.due(window, reference, self.settings.group.min_accounts):
            tests += 1
            suspect = self._judge_group(key, group, window, reference)
            group.suspect = suspect is not None
            if suspect is not None:
                suspects.append(suspect)
        suspects.sort(key=lambda suspect: (suspect.kind, suspect.key))
        return SuspectReport(self.partition, window, suspects, tests, reference.accounts)

    def _judge_group(self, key: int, group: Group, window: int, reference: Reference) -> Suspect | None:
        table = Table(list(group.members.values()), reference)
        found = judge(group.link.kind, table, self.settings.group)
        if found is None:
            return None
        names = candidates(table)
        if len(names) < self.settings.group.min_accounts:
            return None
        link = group.link
        return Suspect(
            "cluster", link.kind, link.value, key, window, len(table.profiles), names, found.evidence, found.log10_p
        )

    def _judge_account(self, profile: Profile, reference: Reference) -> Suspect | None:
        """One account hammering: far beyond its own habit, and far beyond what anyone did in the reference."""
        alert = self.settings.alert
        if profile.requests < alert.account_min_requests or not reference.ready:
            return None
        if profile.account_key % self.settings.link.shards % self.partitions != self.partition:
            return None
        surprise = reference.histogram(Feature.SURPRISE)
        requests = reference.histogram(Feature.WINDOW_REQUESTS)
        if surprise is None or requests is None:
            return None
        most = 2 ** ((requests.quantile(1.0) + 1) / 8)
        log10_p = surprise.tail_log10(int(profile.surprise * SURPRISE_BINS_PER_UNIT), SURPRISE_BINS_PER_UNIT)
        if profile.requests < alert.account_excess_ratio * most:
            return None
        minutes = self.settings.window.window_s / 60
        statement = (
            f"{profile.requests} requests in {minutes:g} minutes; nobody made more than {most:.0f} in a window before"
        )
        excess = log_steps(profile.requests) / 256 - log_steps(int(most)) / 256
        evidence = [
            EvidenceItem("burst", statement, float(profile.requests), round(most, 1), round(log10_p - excess, 3))
        ]
        seen = (profile.first_seen_ms, profile.total_requests, profile.total_output_tokens, profile.models)
        name = Candidate(profile.account_id, 1.0, *seen)
        return Suspect(
            "account",
            "account",
            profile.account_id,
            profile.account_key,
            profile.window,
            1,
            [name],
            evidence,
            log10_p - excess,
        )

    def snapshot(self) -> dict[str, Any]:
        """Plain data from which `restore` makes the same stage; a profile that several groups hold is written once."""
        numbers: dict[int, int] = {}
        profiles: list[Profile] = []

        def intern(profile: Profile) -> int:
            number = numbers.setdefault(id(profile), len(profiles))
            if number == len(profiles):
                profiles.append(profile)
            return number

        index = self._index.snapshot(intern)
        return {
            "format": FORMAT,
            "late_rows": self.late_rows,
            "reported": self._reported,
            "idle": self._idle,
            "barrier": self._barrier.snapshot(),
            "summaries": sorted(self._summaries.items()),
            "population": self._population.snapshot(),
            "index": index,
            "profiles": profiles,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a snapshot; ValueError if another format wrote it."""
        if state["format"] != FORMAT:
            message = f"link stage snapshot of format {state['format']}, expected {FORMAT}"
            raise ValueError(message)
        self.late_rows, self._reported, self._idle = state["late_rows"], state["reported"], state["idle"]
        self._barrier.restore(state["barrier"], row_from)
        self._summaries = {window: [Count(*count) for count in counts] for window, counts in state["summaries"]}
        self._population.restore(state["population"])
        self._index.restore(state["index"], [Member(profile_from(plain)) for plain in state["profiles"]])


def profile_from(plain: list[Any]) -> Profile:
    """Make a profile from its plain form."""
    return Profile(*[*plain[:-1], tuple(plain[-1])])


def row_from(plain: list[Any]) -> Row:
    """Make a row from its plain form."""
    return Row(profile_from(plain[0]), [Link(*link) for link in plain[1]], list(plain[2]))
