"""A real Apache Kafka for demonstrations and tests: fetched once, run in a directory of its own, cleaned up after."""

import argparse
import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from streamer.errors import BrokerError
from streamer.shipped import shipped_directory

KAFKA_VERSION = "4.3.0"
SERVERS_VARIABLE = "KAFKA_BOOTSTRAP_SERVERS"
DEPLOY_DIRECTORY = shipped_directory("kafka", "deploy/kafka")
START_TIMEOUT_S = 240.0
ATTEMPTS = 3
DEFAULT_PORT = 9092
# It lives for minutes, in which thorough compilation costs twice what it saves.
JVM_OPTIONS = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")

Report = Callable[[str], None]


def unavailable_reason(environ: Mapping[str, str] | None = None) -> str | None:
    """Say why no Kafka can be had on this machine, or None when one can."""
    if external_servers(environ):
        return None
    if not (DEPLOY_DIRECTORY / "pom.xml").is_file():
        return f"{DEPLOY_DIRECTORY / 'pom.xml'} is not there: install the package again, or set {SERVERS_VARIABLE}"
    if shutil.which("java") is None:
        return f"no `java` on the PATH: install a Java 17 runtime, or set {SERVERS_VARIABLE} to a broker that runs"
    if not _is_fetched(cache_directory(environ)) and shutil.which("mvn") is None:
        return f"no `mvn` on the PATH to fetch Apache Kafka: install Maven, or set {SERVERS_VARIABLE}"
    return None


def external_servers(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the broker the environment names, which is then used instead of one of our own."""
    return (os.environ if environ is None else environ).get(SERVERS_VARIABLE) or None


def cache_directory(environ: Mapping[str, str] | None = None) -> Path:
    """Return where Kafka's jars are kept between runs."""
    root = (os.environ if environ is None else environ).get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "streamer" / f"kafka-{KAFKA_VERSION}"


@contextlib.contextmanager
def open_broker(report: Report | None = None) -> Iterator[str]:
    """Yield the bootstrap servers of a broker: the environment's, or one of our own that ends with the block."""
    servers = external_servers()
    if servers:
        yield servers
        return
    broker = Broker(report=report)
    broker.start()
    try:
        yield broker.bootstrap_servers
    finally:
        broker.stop()


class Broker:
    """One Kafka process on free local ports (or the `port` given), with a temporary directory that goes when it stops.

    It also stops, and its directory goes, when the process that started it dies without a word.
    """

    def __init__(self, cache: Path | None = None, report: Report | None = None, port: int | None = None) -> None:
        self.bootstrap_servers = ""
        self._port = port
        self.log_path = Path()
        self._cache = cache or cache_directory()
        self._report = report or (lambda _: None)
        self._directory = Path()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Fetch Kafka if need be, start it, and return once it answers.

        Raises:
            BrokerError: Java or Maven is missing, the download failed, or the broker did not come up.
        """
        reason = unavailable_reason({**os.environ, SERVERS_VARIABLE: ""})
        if reason:
            raise BrokerError("kafka", "no broker can be started here", reason)
        jars = fetch(self._cache, self._report)
        for attempt in range(1, ATTEMPTS + 1):
            self._report("starting Apache Kafka")
            if self._try_start(jars):
                return
            tail = self._log_tail()
            self.stop()
            # A free port can be taken by someone else between our asking and Kafka's binding.
            if attempt == ATTEMPTS or "Address already in use" not in tail:
                raise BrokerError("kafka", f"the broker did not start:\n{tail}", "read the lines above")

    def stop(self) -> None:
        """Kill the broker and remove its directory; does nothing when it is not running."""
        if self._process is not None:
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process.wait()
            self._process = None
        if self._directory != Path():
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = Path()

    def _try_start(self, jars: Path) -> bool:
        self._directory = Path(tempfile.mkdtemp(prefix="streamer-kafka-"))
        self.log_path = self._directory / "kafka.log"
        free_port, controller_port = _free_ports(2)
        port = self._port or free_port
        properties = self._directory / "server.properties"
        template = (DEPLOY_DIRECTORY / "server.properties").read_text(encoding="utf-8")
        for field, value in (
            ("port", port),
            ("controller_port", controller_port),
            ("data_directory", self._directory / "data"),
        ):
            template = template.replace("{" + field + "}", str(value))
        properties.write_text(template, encoding="utf-8")
        java = _java(jars)
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
        format_command = [*java, "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(properties)]
        with self.log_path.open("ab") as log:
            formatted = subprocess.run(format_command, stdout=log, stderr=log, cwd=self._directory, check=False)
            if formatted.returncode != 0:
                return False
            supervisor = [sys.executable, "-I", str(DEPLOY_DIRECTORY / "supervise.py"), str(self._directory)]
            self._process = subprocess.Popen(
                [*supervisor, *java, "kafka.Kafka", str(properties)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self._directory,
                start_new_session=True,
            )
        self.bootstrap_servers = f"127.0.0.1:{port}"
        return self._wait_until_ready()

    def _wait_until_ready(self) -> bool:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                return False
            if "Kafka Server started" in self.log_path.read_text(encoding="utf-8", errors="replace"):
                return True
            time.sleep(0.1)
        return False

    def _log_tail(self, lines: int = 15) -> str:
        if not self.log_path.is_file():
            return ""
        return "\n".join(self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def fetch(cache: Path, report: Report) -> Path:
    """Return the directory of Kafka's jars, filled by Maven on the first call; safe when several call at once.

    Raises:
        BrokerError: Maven could not fetch them.
    """
    cache.parent.mkdir(parents=True, exist_ok=True)
    with (cache.parent / f"{cache.name}.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_fetched(cache):
            return cache
        report(f"fetching Apache Kafka {KAFKA_VERSION} with Maven (once)")
        partial = cache.with_name(f"{cache.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        pom = DEPLOY_DIRECTORY / "pom.xml"
        command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={partial}"]
        done = subprocess.run([*command, "-DincludeScope=runtime"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
            raise BrokerError(
                str(pom), f"Maven could not fetch Kafka:\n{tail}", "check the network and Maven's settings"
            )
        (partial / "complete").write_text(_pom_digest(), encoding="utf-8")
        shutil.rmtree(cache, ignore_errors=True)
        partial.rename(cache)
    return cache


def _is_fetched(cache: Path) -> bool:
    stamp = cache / "complete"
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == _pom_digest()


def _pom_digest() -> str:
    return hashlib.sha256((DEPLOY_DIRECTORY / "pom.xml").read_bytes()).hexdigest()


def _java(jars: Path) -> list[str]:
    logging = f"-Dlog4j2.configurationFile={DEPLOY_DIRECTORY / 'log4j2.properties'}"
    return ["java", *JVM_OPTIONS, logging, "-cp", f"{jars}{os.sep}*"]


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def main(arguments: Sequence[str]) -> None:
    """A broker to try things out with, until Ctrl-C: `python -m streamer.broker [PORT]`."""
    parser = argparse.ArgumentParser(prog="python -m streamer.broker", description="A Kafka to try things out with.")
    parser.add_argument("port", nargs="?", type=int, default=DEFAULT_PORT, help=f"where it listens ({DEFAULT_PORT})")
    broker = Broker(report=lambda text: _say(f"{text} ..."), port=parser.parse_args(arguments).port)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        broker.start()
        _say(f"Kafka at {broker.bootstrap_servers} until Ctrl-C; what it holds goes with it")
        threading.Event().wait()
    except BrokerError as error:
        _say(str(error))
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        broker.stop()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
