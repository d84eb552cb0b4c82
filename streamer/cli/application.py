"""The program: its verbs, and how each way of ending becomes an exit code and a line on stderr."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer
from typer._click.exceptions import ClickException

from streamer import __version__
from streamer.cli import cases, judging, limits, live, offline
from streamer.errors import RefusedError, StreamerError
from streamer.interrupts import INTERRUPTED, ended_at_once


def build_app() -> typer.Typer:
    """The program with all its verbs."""
    app = typer.Typer(
        name="streamer",
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_program)
    for verb, example in (
        (live.demo, "streamer demo"),
        (live.run, "streamer run --config config/streamer.yaml"),
        (live.ingest, "streamer ingest --config config/streamer.yaml"),
        (live.notify, "streamer notify --config config/streamer.yaml"),
        (offline.replay, "streamer replay events.jsonl.gz --out results"),
        (offline.simulate, "streamer simulate demo --out world.jsonl.gz --truth truth.jsonl --seed 7"),
        (cases.explain, "streamer explain acct_0034606e --from results"),
        (cases.export, "streamer export a-72fdee9c5d488526 --format stix > campaign.json"),
        (cases.feedback, "streamer feedback a-72fdee9c5d488526 --dismiss --reason 'a class of mine'"),
        (judging.evaluate, "streamer evaluate results --truth truth.jsonl --events world.jsonl.gz --html report.html"),
        (live.produce, "streamer produce world.jsonl.gz --speed 3600x"),
        (live.topics, "streamer topics --config config/streamer.yaml"),
        (live.check, "streamer check --config config/streamer.yaml"),
    ):
        app.command(epilog=f"Example: {example}")(verb)
    app.add_typer(limits.build_limits())
    return app


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def _program(
    _: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_version)] = False,
) -> None:
    """Find coordinated extraction campaigns in the request stream of an LLM API."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the program and end with its exit code: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted."""
    # The Kafka client would say on stderr, in lines of its own, what ends up in our errors anyway.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    with ended_at_once():
        command = typer.main.get_command(build_app())
    try:
        code = command.main(
            args=list(sys.argv[1:] if arguments is None else arguments), prog_name="streamer", standalone_mode=False
        )
        # What waits in a buffer may fail too, and at exit nobody would catch it.
        sys.stdout.flush()
    except StreamerError as error:
        typer.echo(str(error), err=True)
        code = error.exit_code
    except ClickException as error:
        typer.echo(_usage(error), err=True)
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone.
        code = 128 + signal.SIGPIPE
    except OSError as error:
        fault = RefusedError(error)
        typer.echo(str(fault), err=True)
        code = fault.exit_code
    _drop_output_that_nobody_takes()
    if code == INTERRUPTED:
        typer.echo("streamer: interrupted", err=True)
    sys.exit(code if isinstance(code, int) else 0)


def _drop_output_that_nobody_takes() -> None:
    """Let what is left of the output go nowhere where it cannot be written, without a second complaint at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(error: ClickException) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "streamer"
    message = error.format_message().rstrip(".").replace("\n", " ")
    return f"{path}: {message[:1].lower()}{message[1:]}; see {path} --help"
