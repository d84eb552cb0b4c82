"""What the status page shows: the latest alerts and a few figures."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

MAX_ALERTS = 100


class Board:
    """The latest revision of the latest alerts, and named figures. Bounded, whatever arrives; any thread may use it."""

    def __init__(self, max_alerts: int = MAX_ALERTS) -> None:
        self._lock = threading.Lock()
        self._max_alerts = max_alerts
        self._alerts: OrderedDict[str, Mapping[str, Any]] = OrderedDict()
        self._figures: dict[str, str] = {}

    def alert(self, record: Mapping[str, Any]) -> None:
        """Take an alert record of the contract; an older revision of a known alert changes nothing."""
        alert_id = str(record["alert_id"])
        with self._lock:
            known = self._alerts.get(alert_id)
            if known is not None and known["revision"] >= record["revision"]:
                return
            self._alerts[alert_id] = record
            self._alerts.move_to_end(alert_id)
            while len(self._alerts) > self._max_alerts:
                self._alerts.popitem(last=False)

    def figure(self, name: str, value: str) -> None:
        """Show `value` under `name`."""
        with self._lock:
            self._figures[name] = value

    @property
    def alerts(self) -> list[Mapping[str, Any]]:
        """The latest alerts, the newest first."""
        with self._lock:
            return list(reversed(self._alerts.values()))

    @property
    def figures(self) -> dict[str, str]:
        """What `figure` was told, by name."""
        with self._lock:
            return dict(self._figures)
