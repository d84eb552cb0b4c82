"""What import contracts cannot say: the detector may use these modules and no others."""

from __future__ import annotations

import ast
import asyncio
import gc
import sys
from pathlib import Path

import pytest

ALLOWED = {
    "__future__",
    "array",
    "bisect",
    "collections",
    "dataclasses",
    "enum",
    "functools",
    "hashlib",
    "heapq",
    "ipaddress",
    "itertools",
    "math",
    "numbers",
    "numpy",
    "operator",
    "re",
    "river",
    "scipy",
    "statistics",
    "struct",
    "typing",
    "zlib",
}
IMPURE_CALLS = {"open", "print", "input", "eval", "exec", "__import__"}
DETECTION = sorted((Path(__file__).parents[1] / "streamer" / "detection").rglob("*.py"))


def parsed(path: Path) -> ast.Module:
    # Python before 3.11.8 fails where what the collector finds while it parses has a traceback to print, which parses
    # too (python/cpython#106905): other tests' garbage has to wait.
    gc.disable()
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    finally:
        gc.enable()


def imported_by(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", DETECTION, ids=lambda path: path.stem)
def test_the_detector_imports_only_what_is_pure(path: Path) -> None:
    foreign = {name for name in imported_by(path) if not name.startswith("streamer.detection")}
    assert {name.split(".")[0] for name in foreign} - ALLOWED == set()


@pytest.mark.parametrize("path", DETECTION, ids=lambda path: path.stem)
def test_the_detector_neither_reads_nor_writes(path: Path) -> None:
    tree = parsed(path)
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert calls & IMPURE_CALLS == set()


def test_the_list_of_allowed_modules_names_modules() -> None:
    assert ALLOWED - set(sys.stdlib_module_names) == {"numpy", "river", "scipy"}


def test_what_other_tests_left_behind_does_not_disturb_parsing(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.new_event_loop()
    try:
        leave_behind(loop)
        assert parsed(max(DETECTION, key=lambda path: path.stat().st_size)).body
        gc.collect()
    finally:
        loop.close()
    assert "never retrieved" in caplog.text, "the test has lost what it is about"


def leave_behind(loop: asyncio.AbstractEventLoop) -> None:
    future = loop.create_future()
    try:
        int("")
    except ValueError as error:
        future.set_exception(error)
    ring: list[object] = [future]
    ring.append(ring)
