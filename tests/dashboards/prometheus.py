"""The real Prometheus with our rules."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.parse
from typing import TYPE_CHECKING, Any

import yaml

from streamer.wiring.demonstration import free_port
from tests.notify.programs import answers, fetch, need
from tests.patience import until

if TYPE_CHECKING:
    from pathlib import Path


class Prometheus:
    """The program with our rules, which scrapes one worker in a hurry."""

    def __init__(self, directory: Path, root: Path, worker_port: int) -> None:
        self.port = free_port()
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        deployed = root / "deploy" / "prometheus"
        document = yaml.safe_load((deployed / "prometheus.yml").read_text(encoding="utf-8"))
        document["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"}
        document["rule_files"] = [str(deployed / "rules" / "*.yml")]
        (job,) = (job for job in document["scrape_configs"] if job["job_name"] == "streamer")
        document["scrape_configs"] = [job | {"static_configs": [{"targets": [f"127.0.0.1:{worker_port}"]}]}]
        document["alerting"]["alertmanagers"] = []
        (directory / "prometheus.yml").write_text(yaml.safe_dump(document), encoding="utf-8")

    def start(self) -> None:
        command = [
            need("prometheus"),
            f"--config.file={self._directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._directory / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        with (self._directory / "prometheus.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until(lambda: answers(f"http://127.0.0.1:{self.port}/-/ready"), "Prometheus answers")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def get(self, path: str, **parameters: object) -> Any:
        try:
            answer = fetch(f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error
        return answer["data"]

    def value(self, expression: str) -> float | None:
        """The one value of an expression; None where there is none."""
        found = self.get("query", query=expression)["result"]
        return float(found[0]["value"][1]) if found else None
