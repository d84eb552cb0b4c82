"""The drill that README walks a newcomer through: what it names is there, and its nginx runs."""

from __future__ import annotations

import re
import shlex
import shutil
from typing import TYPE_CHECKING, Any

import typer

from streamer.cli.application import build_app
from streamer.config import load_config
from streamer.wiring.demonstration import free_port
from tests.deploy.shipped import DEPLOY, ROOT
from tests.limits.conftest import program
from tests.limits.stand import ask, running
from tests.patience import until

if TYPE_CHECKING:
    from pathlib import Path

PORTS = ("8080", "6068", "8000")


def commands() -> list[list[str]]:
    """The lines of README's drill, as a shell splits them."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("The whole way once")[2]
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)[:2] for line in block.splitlines()]
    return [[word for word in shlex.split(line, comments=True) if word != "&"] for line in lines]


def test_every_verb_option_and_file_it_names_exists() -> None:
    verbs = [words[1:] for words in commands() if words[0] == "streamer"]
    assert {words[0] for words in verbs} >= {"topics", "run", "limits", "simulate", "produce"}
    for words in verbs:
        command: Any = typer.main.get_command(build_app())
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        known = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, words
    named = {word.removeprefix("$PWD/") for words in commands() for word in words if "deploy/" in word}
    assert named == {"deploy/drill/streamer.yaml", "deploy/drill/nginx.conf"}
    assert all((ROOT / name).is_file() for name in named)


def test_its_configuration_enforces_and_no_other_that_is_shipped_does() -> None:
    found = load_config(DEPLOY / "drill" / "streamer.yaml", {})
    assert (found.limits.mode, found.detection.limit.mode) == ("enforce", "enforce")
    shipped = load_config(ROOT / "config" / "streamer.yaml", {})
    assert (shipped.limits.mode, shipped.detection.limit.mode) == ("shadow", "shadow")


def test_its_nginx_answers_also_where_nobody_decides(tmp_path: Path) -> None:
    nginx = program("nginx", "nginx-light")
    for name in ("drill", "nginx"):
        shutil.copytree(DEPLOY / name, tmp_path / name)
    ports = {before: str(free_port()) for before in PORTS}
    for path in (tmp_path / "drill" / "nginx.conf", tmp_path / "nginx" / "streamer.conf"):
        text = path.read_text(encoding="utf-8")
        for before, port in ports.items():
            text = text.replace(f":{before}", f":{port}")
        path.write_text(text, encoding="utf-8")
    with running([nginx, "-p", str(tmp_path), "-c", str(tmp_path / "drill" / "nginx.conf")], tmp_path):
        until(lambda: ask(f"http://127.0.0.1:{ports['8080']}/v1/models").status == 200, "it answers")
