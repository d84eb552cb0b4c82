"""`make setup`: where pip would look for packages, uv looks too, or is not asked."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import os
import subprocess
import sys
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "found-nowhere-else"


@pytest.fixture(scope="module")
def install(root: Path) -> Any:
    spec = importlib.util.spec_from_file_location("install", root / "deploy" / "setup" / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def index(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """An index that has one package: its address, and the package's line of a lock file."""
    place = tmp_path / "simple" / NAME
    place.mkdir(parents=True)
    stem = f"{NAME.replace('-', '_')}-1.0"
    wheel = place / f"{stem}-py3-none-any.whl"
    files = {
        "METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{stem}.dist-info/{name}", text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
            record += f"{stem}.dist-info/{name},sha256={digest},{len(text)}\n"
        archive.writestr(f"{stem}.dist-info/RECORD", f"{record}{stem}.dist-info/RECORD,,\n")
    (place / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>', encoding="utf-8")
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        yield f"http://127.0.0.1:{server.server_port}/simple", f"{NAME}==1.0 --hash=sha256:{digest}\n"
        server.shutdown()
        thread.join()


def without_settings(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, **more}


@pytest.mark.parametrize("how", ["variable", "file"])
def test_an_index_set_for_pip_is_the_one_that_uv_asks(
    install: Any, index: tuple[str, str], tmp_path: Path, how: str
) -> None:
    url, line = index
    (tmp_path / "lock.txt").write_text(line, encoding="utf-8")
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {url}\n", encoding="utf-8")
    by_file = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    environment = without_settings(**(by_file if how == "file" else {"PIP_INDEX_URL": url}))
    told = subprocess.run([*install.PIP, "config", "list"], env=environment, capture_output=True, text=True, check=True)
    variables = install.variables_for_uv(install.settings_of_pip(told.stdout.splitlines()))
    assert variables is not None
    uv = str(Path(sys.executable).with_name("uv"))
    command = [uv, "pip", "install", "--no-cache", "--target", str(tmp_path / "into"), "--require-hashes"]
    command += ["--python", sys.executable, "--requirement", str(tmp_path / "lock.txt")]
    done = subprocess.run(command, env=without_settings(**variables), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "into" / f"{NAME.replace('-', '_')}-1.0.dist-info").is_dir()


def test_the_nearest_setting_holds(install: Any) -> None:
    lines = [
        "global.timeout='60'",
        "global.index-url='https://a.example/simple'",
        "install.index-url='https://b.example/simple'",
        "download.index-url='https://c.example/simple'",
        ":env:.timeout='7.5'",
    ]
    settings = install.settings_of_pip(lines)
    assert settings == {"timeout": "7.5", "index-url": "https://b.example/simple"}
    variables = install.variables_for_uv(settings)
    assert variables["UV_DEFAULT_INDEX"] == "https://b.example/simple"
    assert variables["UV_HTTP_TIMEOUT"] == "8"


def test_several_values_are_passed_on_and_a_directory_that_is_not_there_is_passed_over(
    install: Any, tmp_path: Path
) -> None:
    several = {"extra-index-url": "\nhttps://a.example\nhttps://b.example", "find-links": f"/not-there {tmp_path}"}
    variables = install.variables_for_uv(several | {"quiet": "2"})
    assert variables["UV_INDEX"] == "https://a.example https://b.example"
    assert variables["UV_FIND_LINKS"] == str(tmp_path)


@pytest.mark.parametrize("key", ["no-index", "constraint", "client-cert", "keyring-provider", "something-new"])
def test_with_a_setting_that_uv_cannot_be_told_pip_installs(install: Any, key: str) -> None:
    assert install.variables_for_uv({key: "1"}) is None


def test_uv_is_locked_itself(install: Any, root: Path) -> None:
    assert install.uv_of(root / "requirements.lock").startswith("uv==")
    assert install.uv_of(root / "requirements.lock").count("==") == 1
    assert install.uv_of(root / "deploy" / "docker" / "requirements.lock") == ""
