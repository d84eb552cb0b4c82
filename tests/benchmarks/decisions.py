"""Decisions a second beside a bare ASGI answer on the same server: p99 at a constant rate, by vegeta.

Needs vegeta on the PATH or in ~/go/bin: go install github.com/tsenart/vegeta/v12@latest
On a machine with other work on it, `chrt --rr 1` before the command (as root) keeps that out of the numbers.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from streamer.broker import open_broker
from streamer.wiring.demonstration import free_port
from tests.benchmarks.results import Result, say
from tests.kafka_fixture import KafkaCluster
from tests.limits.stand import Stand, alert_record, ask, limit, running
from tests.patience import until

RATES = (2_000, 5_000)
ROUNDS = 11
SECONDS = 3
CONNECTIONS = 64
LIMITED, ASKING = 50_000, 2_000
WANTED = "at most 1.20"


MISSING = "no vegeta: go install github.com/tsenart/vegeta/v12@latest"


def find_vegeta() -> str | None:
    """Where it is."""
    return shutil.which("vegeta") or shutil.which("vegeta", path=str(Path.home() / "go" / "bin"))


def vegeta() -> str:
    """The program, or an end with the reason."""
    return find_vegeta() or sys.exit(MISSING)


def p99_ms(program: str, targets: Path, rate: int) -> float:
    """Attack, and give the latency that one request in a hundred exceeded."""
    attack = [program, "attack", f"-rate={rate}", f"-duration={SECONDS}s", f"-targets={targets}"]
    attack += [f"-connections={CONNECTIONS}", f"-max-connections={CONNECTIONS}", f"-workers={CONNECTIONS}"]
    done = subprocess.run(attack, stdout=subprocess.PIPE, check=True)
    report = json.loads(
        subprocess.run([program, "report", "-type=json"], input=done.stdout, stdout=subprocess.PIPE, check=True).stdout
    )
    unexpected = set(report["status_codes"]) - {"200", "429"}
    if unexpected:
        sys.exit(f"answers that should not be: {report['status_codes']} {report['errors'][:3]}")
    return float(report["latencies"]["99th"]) / 1e6


def write_targets(path: Path, url: str) -> Path:
    """Requests of many accounts; as many of them are limited as may be refused at most, by default one in five."""
    names = [f"account-{n}" if n % 5 == 0 else f"free-{n}" for n in range(ASKING)]
    path.write_text("\n".join(f"GET {url}/decide\nX-Account-Id: {name}\n" for name in names), encoding="utf-8")
    return path


def cpu_s(process: subprocess.Popen[bytes]) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(stand: Stand, directory: Path, rate: int) -> None:
    """Both by turns, so that whatever else the machine does falls on both.

    The two of a round are held against each other, as a busy machine is more like itself a moment later than at large.
    """
    program, port = vegeta(), free_port()
    command = [sys.executable, "-m", "tests.benchmarks.decision_server", str(port)]
    with running(command, directory, Path.cwd()) as bare, stand.serving() as decision:
        until(lambda: ask(f"http://127.0.0.1:{port}/").status == 200, "the bare server answers")
        audited = 'streamer_limit_deliveries_total{outcome="ok",target="audit"}'
        until(lambda: stand.metrics()["streamer_limits_keeper"], "a keeper is elected")
        until(lambda: rate != RATES[0] or stand.metrics()[audited], "the audit has all limits")
        places = {
            "bare": (bare, write_targets(directory / "bare.txt", f"http://127.0.0.1:{port}")),
            "decision": (decision, write_targets(directory / "decision.txt", stand.url)),
        }
        times: dict[str, list[float]] = {name: [] for name in places}
        cpu: dict[str, list[float]] = {name: [] for name in places}
        for turn in range(ROUNDS):
            for name in sorted(places, reverse=bool(turn % 2)):
                process, targets = places[name]
                before = cpu_s(process)
                times[name].append(p99_ms(program, targets, rate))
                cpu[name].append((cpu_s(process) - before) / (rate * SECONDS) * 1e6)
    middle = {name: statistics.median(found) for name, found in times.items()}
    used = {name: statistics.median(found) for name, found in cpu.items()}
    ratio = statistics.median(ours / theirs for ours, theirs in zip(times["decision"], times["bare"], strict=True))
    say(
        Result(f"bare ASGI answer at {rate:,}/s, p99, middle of {ROUNDS} rounds", middle["bare"], "ms"),
        Result(f"decision at {rate:,}/s with {LIMITED:,} limits, the same", middle["decision"], "ms"),
        Result(f"decision to bare answer at {rate:,}/s, middle of the rounds' ratios", ratio, "ratio", WANTED),
        Result(f"bare ASGI answer at {rate:,}/s", used["bare"], "us of processor time"),
        Result(f"decision at {rate:,}/s", used["decision"], "us of processor time"),
    )


def main() -> None:
    """Measure at both rates, with as many limits on the topic as policy allows."""
    vegeta()
    with open_broker() as servers, tempfile.TemporaryDirectory(prefix="streamer-bench-") as name:
        stand = Stand(KafkaCluster(servers), Path(name))
        with contextlib.closing(stand):
            stand.send(*(limit(f"account-{number}", per_minute=2) for number in range(LIMITED)), alert=alert_record())
            for rate in RATES:
                measure(stand, Path(name), rate)


if __name__ == "__main__":
    main()
