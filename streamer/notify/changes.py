"""What a revision of an alert is to whoever hears of it: the first, a later one, or the last."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

from streamer.notify.records import AlertRecord, ms

MAX_BEGUN = 10_000

Change = Literal["created", "updated", "resolved"]


class Changes:
    """Tells what revisions are. An alert that was resolved and fires again is created once more, under its name.

    It is when it is detected that a revision tells of what was not known; a window that is not over yet may be told of
    twice, and the second time is an update.
    """

    def __init__(self) -> None:
        self._begun: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def of(self, alert: AlertRecord) -> Change:
        """Say what a revision is; the same however often it is asked."""
        if not alert.fires:
            return "resolved"
        if alert.updated_at != alert.detected_at:
            return "updated"
        begins = ms(alert.detected_at), alert.revision
        known = self._begun.get(alert.alert_id)
        if known is None or known[0] != begins[0]:
            self._begun[alert.alert_id] = known = begins
            self._begun.move_to_end(alert.alert_id)
            if len(self._begun) > MAX_BEGUN:
                self._begun.popitem(last=False)
        return "created" if known == begins else "updated"
