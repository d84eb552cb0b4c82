"""Who is named as part of a cluster, and who no longer is."""

from __future__ import annotations

from collections.abc import Iterable

from streamer.detection.cluster import Cluster, ClusterAccount
from streamer.detection.lead_book import LeadBook
from streamer.detection.records import Decision, Membership

MAX_TIES_SHOWN = 8


def memberships(
    cluster: Cluster, left: Iterable[ClusterAccount], book: LeadBook, now_ms: int, *, only_left: bool = False
) -> list[Decision]:
    """Name the accounts of a cluster that are not named yet, once it is more than for the record, and who `left` it."""
    strongest = cluster.strongest()
    if cluster.kind == "account" or not strongest.is_alarming:
        return []
    families = tuple(sorted(item.family for item in strongest.evidence))
    joined = sorted((cluster.accounts[key].account_id, key) for key in cluster.accounts.keys() - cluster.named)
    joined = [] if only_left else joined
    cluster.named = (cluster.named & cluster.accounts.keys()) | {key for _, key in joined}
    found: list[Decision] = []
    for name, key in joined:
        account = cluster.accounts[key]
        ties = [link for link in book.ties_of(key) if link.key in cluster.links]
        found.append(
            Membership(
                name,
                cluster.cluster_id,
                now_ms,
                account.score,
                families,
                links=tuple(sorted(f"{link.kind}:{link.value}" for link in ties)[:MAX_TIES_SHOWN]),
                first_seen_at=account.first_seen_ms,
                request_count=account.requests,
                output_tokens=account.output_tokens,
            )
        )
    gone = sorted(left, key=lambda account: account.account_id)
    found += [
        Membership(account.account_id, cluster.cluster_id, now_ms, account.score, families, status="left")
        for account in gone
    ]
    return found
