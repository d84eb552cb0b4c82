"""What import contracts cannot say: the detector may use these modules and no others."""

from __future__ import annotations

import ast
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


def imported_by(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
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
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert calls & IMPURE_CALLS == set()


def test_the_list_of_allowed_modules_names_modules() -> None:
    assert ALLOWED - set(sys.stdlib_module_names) == {"numpy", "river", "scipy"}
