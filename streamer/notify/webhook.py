"""Posts every revision of an alert to one URL, signed as Standard Webhooks says, and appends findings to a file."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import aiohttp
import msgspec
from standardwebhooks.webhooks import Webhook

from streamer.notify.changes import Changes
from streamer.notify.delivery import Outcome
from streamer.notify.ocsf import finding
from streamer.notify.records import AlertRecord

logger = logging.getLogger(__name__)
WELL = 300
# The receiver understood, and does not want this one; anything else may change.
REFUSALS = frozenset({400, 413, 415, 422})
MAX_REASON = 300


class WebhookSender:
    """Posts records. The id is that of the revision, so that a receiver knows one that comes twice."""

    def __init__(
        self,
        url: str,
        secret: str,
        body_format: Literal["alert", "ocsf"],
        timeout_s: float,
        clock_ms: Callable[[], int],
    ) -> None:
        self._url = url
        self._signer = Webhook(secret)
        self._format = body_format
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._clock_ms = clock_ms
        self._changes = Changes()
        self._warned = False

    async def __call__(self, value: bytes, alert: AlertRecord) -> Outcome:
        """Post one revision."""
        now = datetime.fromtimestamp(self._clock_ms() / 1000, UTC)
        body = self._body(value, alert)
        identity = alert.version_id
        headers = {
            "content-type": "application/json",
            "webhook-id": identity,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(identity, now, body.decode()),
        }
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout) as session,
                session.post(self._url, data=body, headers=headers) as answer,
            ):
                if answer.status < WELL:
                    self._warned = False
                    return "ok"
                reason = f"status {answer.status}: {(await answer.text(errors='replace'))[:MAX_REASON]}"
                outcome: Outcome = "refused" if answer.status in REFUSALS else "failed"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason, outcome = f"{type(error).__name__}: {error}", "failed"
        if outcome == "refused" or not self._warned:
            logger.warning("the webhook did not take %s (%s)", identity, reason)
        self._warned = True
        return outcome

    def _body(self, value: bytes, alert: AlertRecord) -> bytes:
        change = self._changes.of(alert)
        if self._format == "ocsf":
            return msgspec.json.encode(finding(alert, change))
        envelope = {"type": f"alert.{change}", "timestamp": alert.updated_at, "data": msgspec.Raw(value)}
        return msgspec.json.encode(envelope)


class FindingFile:
    """Appends a line for each revision; what shippers of logs take from there is theirs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changes = Changes()
        self._warned = False

    async def __call__(self, value: bytes, alert: AlertRecord) -> Outcome:  # noqa: ARG002 - the record is enough
        """Append one revision."""
        line = msgspec.json.encode(finding(alert, self._changes.of(alert))) + b"\n"
        try:
            await asyncio.to_thread(self._append, line)
        except OSError as error:
            if not self._warned:
                logger.warning("%s cannot be written to (%s)", self._path, error.strerror or error)
            self._warned = True
            return "failed"
        self._warned = False
        return "ok"

    def _append(self, line: bytes) -> None:
        with self._path.open("ab") as file:
            file.write(line)
