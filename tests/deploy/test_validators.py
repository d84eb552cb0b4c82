"""The files in deploy/, as the real validators see them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.shipped import DEPLOY, ROOT, rendered

UV = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
LOCK = Path(__file__).with_name("validators.lock")


@pytest.fixture(scope="module")
def validators() -> Path:
    """Their programs, in an environment of their own: their pins and ours do not agree."""
    directory = ROOT / ".run" / "validators"
    stamp = directory / "complete"
    if not stamp.is_file() or stamp.read_bytes() != LOCK.read_bytes():
        for command in (
            [UV, "venv", "-q", "--clear", "--python", sys.executable, str(directory)],
            [UV, "pip", "install", "-q", "--require-hashes", "-r", str(LOCK), "--python", str(directory)],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"the validators cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
        stamp.write_bytes(LOCK.read_bytes())
    return directory / "bin"


def run(*command: str | Path) -> tuple[int, str]:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_dockerfile(validators: Path, tmp_path: Path) -> None:
    assert run(validators / "hadolint", DEPLOY / "docker" / "Dockerfile") == (0, "")
    (tmp_path / "Dockerfile").write_text("FROM python:latest\nRUN cd /tmp && pip install x\n", encoding="utf-8")
    assert run(validators / "hadolint", tmp_path / "Dockerfile")[0] == 1


def test_compose(validators: Path, tmp_path: Path) -> None:
    check: list[str | Path] = [validators / "check-jsonschema", "--builtin-schema", "vendor.compose-spec"]
    text = (DEPLOY / "compose" / "compose.yaml").read_text(encoding="utf-8")
    code, told = run(*check, DEPLOY / "compose" / "compose.yaml")
    assert code == 0, told
    (tmp_path / "compose.yaml").write_text(text.replace("stop_grace_period", "grace"), encoding="utf-8")
    assert run(*check, tmp_path / "compose.yaml")[0] == 1


@pytest.mark.parametrize("directory", ["base", "overlays/example"])
def test_kubernetes(validators: Path, tmp_path: Path, directory: str) -> None:
    text = rendered(DEPLOY / "kustomize" / directory)
    (tmp_path / "all.yaml").write_text(text, encoding="utf-8")
    check: list[str | Path] = [validators / "kubernetes-validate", "--strict"]
    code, told = run(*check, tmp_path / "all.yaml")
    assert code == 0, told
    passed = re.findall(r"passed for resource (\w+)/", told)
    assert {"deployment", "job", "networkpolicy", "poddisruptionbudget", "service", "serviceaccount"} <= set(passed)
    # Their schemas are published on no registry; tests/deploy/test_names.py looks at what is in them.
    assert set(re.findall(r"find schema for kind (\w+)", told)) <= {"ScaledObject", "PodMonitor"}
    (tmp_path / "all.yaml").write_text(text.replace("enableServiceLinks", "enableServiceLink"), encoding="utf-8")
    assert run(*check, tmp_path / "all.yaml")[0] != 0


def test_systemd(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze (Debian: apt-get install systemd)")
    program = Path(sys.executable).with_name("streamer")
    units = []
    for path in (DEPLOY / "systemd").glob("*.service"):
        unit = tmp_path / path.name.replace("@", "@6066")
        text = path.read_text(encoding="utf-8")
        unit.write_text(text.replace("/opt/streamer/bin/streamer", str(program)), encoding="utf-8")
        units.append(unit)
    code, told = run("systemd-analyze", "verify", "--man=no", *units)
    assert (code, told) == (0, "")
    for path in units:
        told = run("systemd-analyze", "security", "--offline=yes", path)[1]
        [exposure] = re.findall(r"exposure level for \S+: ([\d.]+)", told)
        assert float(exposure) < 2
        path.write_text(path.read_text(encoding="utf-8").replace("ProtectSystem=strict", "ProtectSystem=very"))
    assert "Failed to parse" in run("systemd-analyze", "verify", "--man=no", *units)[1]
