"""Who is who."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from streamer.evaluation.records import TruthRecord, read

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

CAMPAIGN: Final = "campaign:"
BENIGN: Final = "benign:"
UNLISTED: Final = "unlisted"


class Truth:
    """Actors of accounts. An account that truth does not name is benign."""

    def __init__(self, records: Iterable[TruthRecord]) -> None:
        self._actors = {record.account_id: record.actor for record in records}

    @classmethod
    def of_file(cls, path: Path) -> Truth:
        """The truth of a truth.jsonl."""
        return cls(read(path, TruthRecord))

    def campaigns(self) -> dict[str, set[str]]:
        """The accounts of each campaign, by name."""
        found: dict[str, set[str]] = {}
        for account, actor in self._actors.items():
            if actor.startswith(CAMPAIGN):
                found.setdefault(actor.removeprefix(CAMPAIGN), set()).add(account)
        return found

    def campaign_of(self, account: str) -> str | None:
        """The campaign an account works for."""
        actor = self._actors.get(account, "")
        return actor.removeprefix(CAMPAIGN) if actor.startswith(CAMPAIGN) else None

    def class_of(self, account: str) -> str:
        """The class of an honest account."""
        return self._actors.get(account, BENIGN + UNLISTED).removeprefix(BENIGN)

    def owner(self, accounts: Iterable[str]) -> str | None:
        """The campaign that has more of these accounts than any other campaign and than all honest people together."""
        counts = Counter(self.campaign_of(account) for account in accounts).most_common(2)
        tie = len(counts) > 1 and counts[0][1] == counts[1][1]
        return None if not counts or tie else counts[0][0]

    def honest_lead(self, accounts: Iterable[str]) -> bool:
        """Whether no campaign has more of these accounts than all honest people together; so too if there are none."""
        counts = Counter(self.campaign_of(account) for account in accounts)
        honest = counts.pop(None, 0)
        return not counts or honest >= max(counts.values())

    def most_frequent_class(self, accounts: Iterable[str]) -> str:
        """The class that most of the honest people among these accounts are of."""
        honest = sorted(account for account in accounts if self.campaign_of(account) is None)
        classes = Counter(map(self.class_of, honest)).most_common(1)
        return classes[0][0] if classes else "nobody"
