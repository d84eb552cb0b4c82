"""What people said about accounts and alerts, and which word counts for an account."""

from __future__ import annotations

from collections.abc import Sequence

from streamer.limits.policy import AlertFacts, Word


class Words:
    """The last word about each account and each alert.

    A word about an alert is one about the accounts it proposes to limit and those it lists; these may be on several.
    """

    def __init__(self) -> None:
        self._of_account: dict[str, Word] = {}
        self._of_alert: dict[str, Word] = {}
        self._confirmed: set[str] = set()
        self._listed: dict[str, tuple[str, ...]] = {}
        self._listed_by: dict[str, dict[str, None]] = {}

    def about_account(self, account_id: str, word: Word) -> None:
        """Take what was said about an account."""
        self._of_account[account_id] = word

    def about_alert(self, word: Word) -> None:
        """Take what was said about an alert. Whoever limits its accounts holds it to be true."""
        alert_id = word.alert_id
        if word.action == "dismiss":
            self._confirmed.discard(alert_id)
        elif word.action != "lift":
            self._confirmed.add(alert_id)
        if word.action != "confirm":
            self._of_alert[alert_id] = word
        elif alert_id in self._of_alert and self._of_alert[alert_id].action == "dismiss":
            del self._of_alert[alert_id]

    def alerts(self) -> Sequence[str]:
        """The alerts about whose accounts something was said."""
        return list(self._of_alert)

    def accounts(self) -> Sequence[str]:
        """The accounts about which something was said, be it by way of an alert's list."""
        return [*self._of_account, *self._listed_by]

    def listed(self, alert_id: str) -> Sequence[str]:
        """The accounts that an alert listed when it was last looked at."""
        return self._listed.get(alert_id, ())

    def list_accounts(self, alert_id: str, facts: AlertFacts | None) -> Sequence[str]:
        """Look whom an alert lists now, if anything was said about it; gives them."""
        accounts = tuple(dict.fromkeys(facts.accounts)) if facts is not None and alert_id in self._of_alert else ()
        for account in self._listed.pop(alert_id, ()):
            self._listed_by[account].pop(alert_id)
            if not self._listed_by[account]:
                del self._listed_by[account]
        if accounts:
            self._listed[alert_id] = accounts
        for account in accounts:
            self._listed_by.setdefault(account, {})[alert_id] = None
        return accounts

    def last(self, account_id: str, alert_id: str) -> Word | None:
        """The word that counts for an account, for which this alert proposes a limit."""
        words = [self._of_account.get(account_id)]
        words += [self._of_alert.get(each) for each in {alert_id, *self._listed_by.get(account_id, ())}]
        return max((word for word in words if word is not None), key=lambda word: word.order, default=None)

    def confirmed(self, alert_id: str) -> bool:
        """Whether a person holds an alert to be true."""
        return alert_id in self._confirmed
