"""Install what a lock file names, and the checkout, into the environment of the Python that runs this.

uv does it in a tenth of the time, but does not read the settings of pip. Those that say where packages come from are
passed on to it; where there is one that cannot be, or uv fails, pip does it.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

PASSED_ON = {
    "cert": "SSL_CERT_FILE",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "index-url": "UV_DEFAULT_INDEX",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "trusted-host": "UV_INSECURE_HOST",
}
SEPARATORS = {"UV_FIND_LINKS": ",", "UV_INDEX": " ", "UV_INSECURE_HOST": " "}
# These say nothing about which packages are installed, or from where.
WITHOUT_MEANING = {
    "break-system-packages",
    "cache-dir",
    "config-file",
    "disable-pip-version-check",
    "no-cache-dir",
    "no-color",
    "no-compile",
    "no-input",
    "no-python-version-warning",
    "no-warn-script-location",
    "progress-bar",
    "quiet",
    "require-virtualenv",
    "resume-retries",
    "retries",
    "root-user-action",
    "verbose",
}
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


def settings_of_pip(lines: Iterable[str]) -> dict[str, str]:
    """Return what holds for `pip install`, from the lines of `pip config list`."""
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in lines:
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if section in found:
            found[section][key] = str(ast.literal_eval(value))
    return found["global"] | found["install"] | found[":env:"]


def variables_for_uv(settings: dict[str, str]) -> dict[str, str] | None:
    """Return the same settings as uv's variables, or None where one of them cannot be passed on."""
    variables = {}
    for key, value in settings.items():
        if key in WITHOUT_MEANING:
            continue
        if key not in PASSED_ON:
            return None
        name = PASSED_ON[key]
        words = value.split()
        if name == "UV_FIND_LINKS":
            # pip passes over a directory that is not there.
            words = [word for word in words if "://" in word or Path(word).expanduser().exists()]
        elif name == "UV_HTTP_TIMEOUT":
            words = [str(round(float(value)))]
        if words:
            variables[name] = SEPARATORS.get(name, " ").join(words)
    # With hashes it does not matter which index has a file.
    return variables | {"UV_INDEX_STRATEGY": "unsafe-best-match"}


def uv_of(lock: Path) -> str:
    """Return the lines of uv in a lock file, empty where it is not in there."""
    found = re.search(r"^uv==(?:.*\\\n)*.*\n", lock.read_text(encoding="utf-8"), re.MULTILINE)
    return found[0] if found else ""


def install_with_uv(lock: Path, checkout: Path) -> bool:
    """Say whether uv could be had and has installed everything."""
    told = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True, check=False)
    variables = variables_for_uv(settings_of_pip(told.stdout.splitlines()))
    locked = uv_of(lock)
    if told.returncode or variables is None or not locked:
        return False
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as alone:
        alone.write(locked)
        alone.flush()
        command = [*PIP, "install", "--quiet", "--require-hashes", "--no-deps", "-r", alone.name]
        if subprocess.run(command, check=False).returncode:
            return False
    uv = [str(Path(sys.executable).with_name("uv")), "pip"]
    into = ["--quiet", "--python", sys.executable]
    steps = (
        [*uv, "install", *into, "--require-hashes", "--requirement", str(lock)],
        [*uv, "install", *into, "--no-deps", "--no-build-isolation", "--editable", str(checkout)],
    )
    environment = variables | os.environ
    return all(subprocess.run(step, env=environment, check=False).returncode == 0 for step in steps)


def install_with_pip(lock: Path, checkout: Path) -> int:
    """Return pip's exit code."""
    steps = (["--require-hashes", "-r", str(lock)], ["--no-deps", "--no-build-isolation", "-e", str(checkout)])
    codes = (subprocess.run([*PIP, "install", "--quiet", *step], check=False).returncode for step in steps)
    return next((code for code in codes if code), 0)


def main(lock: str, checkout: str) -> int:
    """Install, and return the exit code."""
    if install_with_uv(Path(lock), Path(checkout)):
        return 0
    return install_with_pip(Path(lock), Path(checkout))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
