"""The verbs about limits: `streamer limits ...`."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from streamer import wiring
from streamer.cli import options, output

Author = Annotated[str | None, typer.Option("--author", help="Who asks, for the audit. Default: the login name.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit.")]


def build_limits() -> typer.Typer:
    """The verbs, as a program of their own."""
    app = typer.Typer(
        name="limits",
        help="What the detector asks of gateways: answer them, look at it, take it back.",
        no_args_is_help=True,
    )
    for name, verb, example in (
        ("serve", serve, "streamer limits serve --config my.yaml"),
        ("list", show, "streamer limits list --json"),
        ("lift", lift, "streamer limits lift acct-17 --reason 'a class of students'"),
        ("stop", stop, "streamer limits stop --reason 'wrong alert'"),
        ("start", start, "streamer limits start"),
    ):
        app.command(name, epilog=f"Example: {example}")(verb)
    return app


def serve(config: options.Config = None) -> None:
    """Answer gateways whether a request may pass; also writes the audit, and limits to Redis and LiteLLM if asked."""
    wiring.limits_serve(
        wiring.load(config),
        on_ready=lambda url: typer.echo(f"decisions at {url}/decide", err=True),
        on_doubt=lambda doubt: output.warning(f"{doubt}; everybody passes until it is there"),
    )


def show(config: options.Config = None, json: options.Json = False) -> None:
    """Show the limits in force."""
    rows, refused, stopped_since = wiring.limits_list(wiring.load(config))
    if json:
        output.table(rows, as_json=True)
    else:
        typer.echo(_lines([_short(row) for row in rows]) if rows else "no limit is in force")
    if stopped_since is not None:
        output.warning(f"all limits are switched off since {stopped_since}; `streamer limits start` switches them on")
    if refused:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(refused.items()))
        output.warning(f"limits proposed and, by this configuration, not in force: {reasons}")


def lift(
    account: Annotated[str | None, typer.Argument(metavar="ACCOUNT", help="The account as alerts name it.")] = None,
    alert: Annotated[str | None, typer.Option("--alert", metavar="ID", help="All accounts of this alert.")] = None,
    real: Annotated[
        bool, typer.Option("--real", help="ACCOUNT is its own name, not the pseudonym that alerts have.")
    ] = False,
    author: Author = None,
    reason: Reason = "",
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Free an account, or all accounts of an alert: at once, everywhere, and for as long as limits.lift_holds_s."""
    done = wiring.limits_lift(
        wiring.load(config), account=account, alert=alert, real=real, author=author or getpass.getuser(), reason=reason
    )
    if not done.get("limited", True):
        output.warning(
            f"{done['account_id']}: no limit of it was in force or proposed; if that is not its name, look it up"
        )
    output.record(done, as_json=json, title="lifted")


def stop(author: Author = None, reason: Reason = "", config: options.Config = None, json: options.Json = False) -> None:
    """Switch all limits off, at once and everywhere; renewals that come meanwhile are refused."""
    _switch(True, author, reason, config, json)


def start(
    author: Author = None, reason: Reason = "", config: options.Config = None, json: options.Json = False
) -> None:
    """Switch limits on again: those from before that have not run out, and new ones."""
    _switch(False, author, reason, config, json)


def _switch(stopped: bool, author: str | None, reason: str, config: options.Config, json: bool) -> None:
    done = wiring.limits_switch(wiring.load(config), stop=stopped, author=author or getpass.getuser(), reason=reason)
    output.record(done, as_json=json, title="limits")


def _short(row: Mapping[str, Any]) -> dict[str, str]:
    """What fits into a line of a terminal."""
    per_minute = row["requests_per_minute"]
    return {
        "account_id": row["account_id"],
        "limit": row["action"] if per_minute is None else f"{per_minute} a minute",
        "mode": row["mode"],
        "by": row["author"] or row["alert_id"],
        "until": row["expires_at"][:16].replace("T", " "),
    }


def _lines(rows: Sequence[Mapping[str, str]]) -> str:
    """Columns that are never cut: a name that cannot be copied is of no use."""
    cells = [list(rows[0]), *(list(row.values()) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)
