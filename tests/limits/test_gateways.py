"""A limit on the topic is a 429 for a real client of a real gateway, until a person lifts it, or the way is broken."""

from __future__ import annotations

import contextlib
import http.server
import json
import signal
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from streamer.wiring.demonstration import free_port
from tests.limits.stand import Stand, alert_record, ask, limit, running, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.kafka


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


class Gateway:
    """Our ready configuration with other addresses."""

    def __init__(self, name: str, program: str, root: Path, directory: Path, decisions: int, target: int) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1/models"
        text = (root / "deploy" / name / f"streamer.{'conf' if name == 'nginx' else 'yaml'}").read_text("utf-8")
        for before, after in (("8080", self.port), ("6068", decisions), ("8000", target), ("9901", free_port())):
            assert before in text or before == "9901"
            text = text.replace(before, str(after))
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


@pytest.fixture(params=["nginx", "envoy"])
def gateway(
    request: pytest.FixtureRequest, make_stand: Callable[..., Stand], root: Path, tmp_path: Path
) -> Iterator[tuple[Stand, Gateway]]:
    stand = make_stand()
    program: str = request.getfixturevalue(request.param)
    with api() as target:
        yield stand, Gateway(request.param, program, root, tmp_path, stand.port, target)


def test_the_ready_configuration_is_valid(gateway: tuple[Stand, Gateway]) -> None:
    done = subprocess.run(gateway[1].check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_limited_at_the_gateway_until_lifted_and_open_when_the_way_is_broken(gateway: tuple[Stand, Gateway]) -> None:
    stand, real = gateway
    with stand.serving() as decisions, real.running():
        stand.send(limit("mallory"), limit("trent"), alert=alert_record())
        refused = until(lambda: (found := ask(real.url, "mallory")).status == 429 and found, "mallory is refused")
        assert 0 < int(refused.headers["retry-after"]) <= 60
        assert "Too many requests" in refused.body
        assert ask(real.url, "alice").status == 200
        assert ask(real.url).status == 200

        stand.say("block", account_id="trent")
        blocked = until(lambda: (found := ask(real.url, "trent")).status == 403 and found, "trent is blocked")
        assert int(blocked.headers["retry-after"]) > 60
        assert [json.loads(each.body)["error"]["code"] for each in (refused, blocked)] == ["429", "403"]
        assert not [name for name in refused.headers if name.startswith("x-streamer")]

        # A decision API that hangs, then one that is gone, then one that is back and knows all it knew.
        decisions.send_signal(signal.SIGSTOP)
        assert [ask(real.url, "mallory").status for _ in range(3)] == [200] * 3
        decisions.send_signal(signal.SIGCONT)
        until(lambda: ask(real.url, "mallory").status == 429, "mallory is refused again")
        decisions.kill()
        decisions.wait()
        assert [ask(real.url, "trent").status for _ in range(3)] == [200] * 3
        with stand.serving():
            until(lambda: ask(real.url, "mallory").status == 429, "mallory is still limited")
            assert ask(real.url, "trent").status == 403
            stand.call("lift", "mallory", "--reason", "a class of students")
            until(lambda: ask(real.url, "mallory").status == 200, "mallory is free")
            assert [ask(real.url, "mallory").status for _ in range(5)] == [200] * 5
