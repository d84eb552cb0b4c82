"""A real gateway with our ready configuration, and an API behind it."""

from __future__ import annotations

import contextlib
import http.server
import re
import threading
from typing import TYPE_CHECKING

from streamer.wiring.demonstration import free_port
from tests.limits.stand import ask, running
from tests.patience import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Api(http.server.BaseHTTPRequestHandler):
    """What is protected."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def api() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def asking_by_key(text: str) -> str:
    """A gateway's configuration after what its comment says was done."""
    named = ("proxy_set_header X-Account-Id", "proxy_set_header X-Plan", "{exact: x-account-id", "{exact: x-plan")
    lines = [line for line in text.splitlines() if not any(name in line for name in named)]
    assert len(lines) == len(text.splitlines()) - 2
    found = re.sub(r"# (proxy_set_header Authorization|- \{exact: authorization)", r"\1", "\n".join(lines))
    assert found != "\n".join(lines)
    return f"{found}\n"


class Gateway:
    """Our ready configuration with other addresses; `by_key` as it says for gateways that know the API key only."""

    def __init__(
        self,
        name: str,
        program: str,
        root: Path,
        directory: Path,
        decisions: int,
        target: int,
        *,
        by_key: bool = False,
    ) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1/models"
        text = (root / "deploy" / name / f"streamer.{'conf' if name == 'nginx' else 'yaml'}").read_text("utf-8")
        for before, after in (("8080", self.port), ("6068", decisions), ("8000", target), ("9901", free_port())):
            assert before in text or before == "9901"
            text = text.replace(before, str(after))
        text = asking_by_key(text) if by_key else text
        if name == "nginx":
            text = (
                f"daemon off; error_log stderr; pid {directory}/nginx.pid; events {{}}\nhttp {{ access_log off;\n"
                + "".join(
                    f"{kind}_temp_path {directory}/{kind};\n"
                    for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
                )
                + text
                + "}\n"
            )
        path = directory / f"{name}-gateway.yaml"
        path.write_text(text, encoding="utf-8")
        self.command = (
            [program, "-p", str(directory), "-c", str(path)]
            if name == "nginx"
            else [program, "-c", str(path), "--concurrency", "1", "--use-dynamic-base-id", "-l", "warning"]
        )
        self.check = [*self.command, "-t"] if name == "nginx" else [program, "--mode", "validate", "-c", str(path)]

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        with running(self.command, self.directory) as process:
            until(lambda: ask(self.url).status == 200, "the gateway answers")
            yield
            assert process.poll() is None
