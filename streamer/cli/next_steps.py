"""What to do next, after a replay or an explanation: lines for people, with commands to copy."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamer.cases.explanation import Explanation
    from streamer.cases.records import AlertRecord

MOST_ALERTS = 10


def after_explanation(found: Explanation, directory: Path | None, config: Path | None) -> Iterator[str]:
    """The runbook and the commands for the latest alert of an explanation; nothing where there is none."""
    from streamer.cases.wording import printable

    if not found.cases:
        return
    alert = found.cases[0].case.alert
    name = shlex.quote(printable(alert.alert_id))
    more = _options(directory, config)
    yield ""
    yield f"What to do about {printable(alert.alert_id)}"
    if alert.runbook:
        yield f"  read      {printable(alert.runbook)}"
    yield f"  hand on   streamer export {name} --format csv{more}"
    yield f"  judge     streamer feedback {name} --confirm{more}"
    yield f"  or        streamer feedback {name} --dismiss --reason TEXT{more}"
    if directory is None:
        yield f"  limits    streamer limits list{more}"
        yield f"  free all  streamer limits lift --alert {name}{more}"
    else:
        yield f"  limits    {directory}/limits.jsonl has those that were proposed"


def after_replay(alerts: Sequence[AlertRecord], directory: Path) -> Iterator[str]:
    """The alerts that fire, the most severe first, and how to look at one; how many more there are."""
    from streamer.cases.wording import counted, printable

    firing = [alert for alert in alerts if alert.status == "firing"]
    for alert in firing[:MOST_ALERTS]:
        yield f"{printable(alert.severity):<8}  {printable(alert.alert_id)}  {printable(alert.summary)}"
    if len(firing) > MOST_ALERTS:
        yield f"and {len(firing) - MOST_ALERTS:,} more that fire, in {directory}/alerts.jsonl"
    if len(alerts) > len(firing):
        yield f"{counted(len(alerts) - len(firing), 'alert')} resolved, in {directory}/alerts.jsonl"
    if alerts:
        first = (firing or alerts)[0]
        yield f"why: streamer explain {shlex.quote(printable(first.alert_id))}{_options(directory, None)}"


def _options(directory: Path | None, config: Path | None) -> str:
    """What the command that was given has and the next one needs as well."""
    given = (("--from", directory), ("--config", config))
    return "".join(f" {option} {shlex.quote(str(path))}" for option, path in given if path is not None)
