"""The verbs about one alert, cluster or account."""

from __future__ import annotations

import getpass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from streamer import wiring
from streamer.cli import options, output
from streamer.cli.next_steps import after_explanation
from streamer.errors import UsageError

From = Annotated[
    Path | None,
    typer.Option("--from", metavar="DIR", help="The records of a replay, instead of those of a running system."),
]


class Format(StrEnum):
    """How a case is handed on."""

    CSV = "csv"
    STIX = "stix"


def explain(
    name: Annotated[str, typer.Argument(metavar="ID", help="An account, a cluster or an alert.")],
    directory: From = None,
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Say why an account, a cluster or an alert is what it is, in words and a picture."""
    found = wiring.explain(wiring.load(config), name, directory)
    output.explanation(found, as_json=json)
    if not json:
        output.lines(after_explanation(found, directory, config))


def export(
    name: Annotated[str, typer.Argument(metavar="ID", help="An alert, a cluster or an account; the latest alert.")],
    export_format: Annotated[
        Format, typer.Option("--format", help="csv, or stix: a STIX 2.1 bundle. Both go to standard output.")
    ],
    directory: From = None,
    config: options.Config = None,
) -> None:
    """Print the members and indicators of a campaign, to hand them on.

    Identifiers are as the records have them: pseudonyms, where privacy.pseudonymize is on.
    """
    settings = wiring.load(config)
    text = wiring.export(settings, name, export_format.value, directory)
    if not settings.privacy.pseudonymize:
        output.warning("identifiers are as they came, no pseudonyms: privacy.pseudonymize is off")
    typer.echo(text, nl=not text.endswith("\n"))


def feedback(
    alert_id: Annotated[str, typer.Argument(metavar="ALERT_ID", help="The alert that is judged.")],
    *,
    confirm: Annotated[bool, typer.Option("--confirm", help="It is what it says it is.")] = False,
    dismiss: Annotated[bool, typer.Option("--dismiss", help="It is honest, or nothing to act on.")] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; those after you will read it.")] = "",
    author: Annotated[str | None, typer.Option("--author", metavar="NAME", help="Default: your login name.")] = None,
    directory: From = None,
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Write down what a person says about an alert."""
    if confirm == dismiss:
        found = "found both" if confirm else "found neither"
        raise UsageError("--confirm and --dismiss", found, "name one of them")
    said = wiring.feedback(
        wiring.load(config),
        alert_id,
        "confirm" if confirm else "dismiss",
        author=author or getpass.getuser(),
        reason=reason,
        directory=directory,
    )
    output.record(said, as_json=json, title="written down")
