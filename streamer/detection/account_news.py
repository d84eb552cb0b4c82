"""What is known of accounts, brought up to date: for all, and in the clusters that hold them."""

from __future__ import annotations

from collections.abc import Iterable

from streamer.detection.behaviour_table import BehaviourTable
from streamer.detection.cluster import ClusterAccount
from streamer.detection.clusters import Clusters
from streamer.detection.evidence import WatchedAccounts
from streamer.detection.member_table import MemberTable
from streamer.detection.settings import HOUR_S, DetectionSettings

SWEEP_S = 6 * HOUR_S


class AccountNews:
    """Takes in what is told of accounts; `swept` is the stretch of time in which the idle were last dropped."""

    def __init__(
        self, settings: DetectionSettings, members: MemberTable, behaviour: BehaviourTable, clusters: Clusters
    ) -> None:
        self._settings = settings
        self._members = members
        self._behaviour = behaviour
        self._clusters = clusters
        self.swept = -1

    def take(self, watched: WatchedAccounts, window: int, now_ms: int) -> None:
        """Bring accounts up to date; those of clusters add to the cluster's hours, once a window."""
        rows = watched.table()
        windows = zip(rows["key"].tolist(), rows["window"].tolist(), rows["requests"].tolist(), strict=True)
        fresh = [(key, requests) for key, at, requests in windows if at == window and key in self._clusters.of_account]
        told = {key for key, _ in fresh if self._members.window_of(key) >= window}
        self._members.put(rows, watched.account_ids, [watched.models[number] for number in rows["model"].tolist()])
        within = [(self._clusters.by_id[self._clusters.of_account[key]], key) for key, _ in fresh]
        self.refresh([cluster.accounts[key] for cluster, key in within], [key for _, key in within])
        for (cluster, key), (_, requests) in zip(within, fresh, strict=True):
            if key not in told:
                cluster.note(now_ms, key, requests)

    def forget(self, window: int) -> None:
        """Drop, four times a day, accounts idle for longer than any tie is remembered; clusters keep theirs."""
        every = self._settings.window.windows(SWEEP_S)
        if window // every != self.swept:
            self.swept = window // every
            idle = self._settings.window.windows(self._settings.link.idle_s)
            self._members.forget(self.swept * every - idle, kept=self._clusters.of_account.keys())

    def refresh(self, accounts: Iterable[ClusterAccount], keys: Iterable[int]) -> None:
        """Bring accounts, given side by side with their keys, up to what is known of them."""
        side_by_side = list(zip(keys, accounts, strict=True))
        watched = {key: account for key, account in side_by_side if key in self._members}
        rows = self._members.of(watched)
        columns = (rows[name].tolist() for name in ("first_seen_ms", "total_requests", "total_output_tokens"))
        for account, key, first_ms, requests, tokens in zip(watched.values(), watched, *columns, strict=True):
            account.first_seen_ms, account.requests, account.output_tokens = first_ms, requests, tokens
            models = self._members.models_of(key)
            if models != account.models:
                account.models = tuple(sorted({*account.models, *models}))
        for key, account in side_by_side:
            if key not in watched and (totals := self._behaviour.totals(key)) is not None:
                account.first_seen_ms, account.requests, account.output_tokens = totals
