"""The real Alertmanager, a receiver it notifies, and records written as workers write them."""

from __future__ import annotations

import contextlib
import json
import queue
import shutil
import signal
import subprocess
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import pytest
import yaml

from streamer.wiring.demonstration import free_port
from tests.patience import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def need(*programs: str) -> str:
    """The first of these names that is installed; skips where none is."""
    for name in programs:
        if shutil.which(name):
            return name
    pytest.skip(f"{programs[0]} is not installed (Debian: apt-get install prometheus prometheus-alertmanager)")


def fetch(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310 - a local address
        return json.load(answer)


def answers(url: str) -> bool:
    with contextlib.suppress(OSError):
        urllib.request.urlopen(url, timeout=PATIENCE_S).close()  # noqa: S310 - a local address
        return True
    return False


class Inbox:
    """An HTTP server that takes what is posted; `answer` is the status it gives."""

    def __init__(self) -> None:
        self.answer = 200
        self.posts: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if inbox.answer < 300:
                    inbox.posts.put(({key.lower(): value for key, value in self.headers.items()}, body))
                self.send_response(inbox.answer)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def next(self) -> Any:
        """The next body posted."""
        return json.loads(self.posts.get(timeout=PATIENCE_S)[1])

    def rest(self, quiet_s: float) -> list[Any]:
        """Everything that comes until nothing does for a while."""
        found = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(json.loads(self.posts.get(timeout=quiet_s)[1]))
        return found


class Alertmanager:
    """The program with our inhibitions and groups, all of whose receivers are one inbox, in a hurry."""

    def __init__(self, directory: Path, deployed: Path, inbox: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        document = yaml.safe_load(deployed.read_text(encoding="utf-8"))
        document["global"] = {}
        document["templates"] = []
        hook = {"url": inbox, "send_resolved": True}
        document["receivers"] = [{"name": each["name"], "webhook_configs": [hook]} for each in document["receivers"]]
        document["route"] |= {"group_wait": "300ms", "group_interval": "400ms"}
        (directory / "alertmanager.yml").write_text(yaml.safe_dump(document), encoding="utf-8")

    def start(self) -> None:
        program = need("prometheus-alertmanager", "alertmanager")
        with (self.directory / "alertmanager.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    program,
                    f"--config.file={self.directory / 'alertmanager.yml'}",
                    f"--storage.path={self.directory / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--cluster.listen-address=",
                    "--data.maintenance-interval=300ms",
                ],
                stdout=log,
                stderr=log,
            )
        until(lambda: answers(f"{self.url}/-/ready"), "Alertmanager answers")

    def alerts(self) -> list[dict[str, Any]]:
        """What it holds, without what it has been told is over."""
        found: list[dict[str, Any]] = fetch(f"{self.url}/api/v2/alerts")
        return found

    def noted(self, *clusters: str) -> bool:
        """Whether it has written down that it told of these: what it has not, it says again after it was killed."""
        log = self.directory / "data" / "nflog"
        text = log.read_bytes() if log.is_file() else b""
        return all(f'cluster_id="{cluster}"'.encode() in text for cluster in clusters)

    def stop(self, how: int = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        self.start()
        try:
            yield self
        finally:
            self.stop()
