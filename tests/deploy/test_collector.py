"""The collector's configuration, in a real collector where there is one, and what one wrote where there is none."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml

from streamer.config import StreamerConfig
from streamer.sources.decode import Decoder
from streamer.sources.files import read_batches
from streamer.sources.formats import detect, mapping_of
from tests.patience import PATIENCE_S, until
from tests.sources.gateways import ATTRIBUTES, ENVOY, document, listed, span
from tests.stream_tools.reading import everything

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamer.sources.event import RequestEvent
    from tests.kafka_fixture import KafkaCluster

WRITTEN = Path(__file__).parent / "records" / "otelcol_0_155.jsonl"


class Place(NamedTuple):
    """Where a collector listens: the port for gRPC, the address for HTTP."""

    grpc: int
    http: str


@pytest.fixture(scope="module")
def shipped(root: Path) -> Path:
    return root / "deploy" / "otel" / "collector.yaml"


def sent() -> list[tuple[str, dict[str, Any]]]:
    """What a gateway tells a collector: by which path, and what."""
    mapped = {name: value for name, value in ATTRIBUTES.items() if name != "user.id"}
    mapped["http.request.header.x-account-id"] = "acct-2"
    mapped["gen_ai.output.messages"] = "an answer that nobody needs"
    spans = document(
        span(ATTRIBUTES, spanId="b7ad6b7169203331"),
        span(mapped, spanId="b7ad6b7169203332"),
        span({"db.system": "postgresql"}, spanId="b7ad6b7169203333"),
        span(ATTRIBUTES | {"gen_ai.operation.name": "invoke_agent"}, spanId="b7ad6b7169203334"),
    )
    line = {"timeUnixNano": "1793000000250000000", "attributes": listed({k: str(v) for k, v in ENVOY.items()})}
    page = {"timeUnixNano": "1", "attributes": listed({"response_code": "200", "gen_ai.request.model": "-"})}
    chatter = {"timeUnixNano": "1793000000250000000", "body": {"stringValue": "started"}}
    logs = {"resourceLogs": [{"resource": {}, "scopeLogs": [{"scope": {}, "logRecords": [line, page, chatter]}]}]}
    return [("traces", spans), ("logs", logs)]


def expect(events: list[RequestEvent]) -> None:
    """Two spans and a line of an access log; what is no request was left out."""
    found = {event.event_id: event for event in events}
    trace = "0af7651916cd43dd8448eb211c80319c"
    assert sorted(found) == [f"{trace}-b7ad6b7169203331", f"{trace}-b7ad6b7169203332", "5f0e"]
    assert [found[name].account_id for name in sorted(found)] == ["acct-1", "acct-2", "acct-1"]
    for event in events:
        assert (event.model, event.input_tokens, event.output_tokens) == ("gpt-4o", 12, 34)
        assert event.timestamp_ms == 1_793_000_000_250
        assert event.duration_ms == 1250
    assert all(found[name].prompt_simhash for name in found if name != "5f0e")


def test_what_a_collector_0_155_wrote_is_understood() -> None:
    lines = WRITTEN.read_bytes().splitlines()
    assert [detect(line) for line in lines] == ["otel"] * len(lines)
    batches = list(read_batches([WRITTEN]))
    assert not [reject for batch in batches for reject in batch.rejects]
    expect([event for batch in batches for event in batch.events])


def test_it_writes_where_ingest_reads_and_no_more_than_ingest_takes(shipped: Path) -> None:
    kafka = yaml.safe_load(shipped.read_text(encoding="utf-8"))["exporters"]["kafka"]
    config = StreamerConfig()
    for signal in ("traces", "logs"):
        assert kafka[signal] == {"topic": config.ingest.topic, "encoding": "otlp_json"}
    assert kafka["producer"]["max_message_bytes"] <= config.stream.max_message_bytes


def test_a_real_collector_passes_on_requests_and_nothing_else(
    shipped: Path, kafka: KafkaCluster, tmp_path: Path
) -> None:
    topic = kafka.unique("gateway")
    kafka.create({topic: 1})
    with collector(shipped, kafka.servers, topic, tmp_path) as place:
        for path, content in sent():
            request = urllib.request.Request(  # noqa: S310 - a local address
                f"{place.http}/v1/{path}", json.dumps(content).encode(), {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
                assert answer.status == 200
        until(lambda: len(everything(kafka.servers, topic)) > 1, "both are in Kafka")
        records = [record.value for record in everything(kafka.servers, topic)]
    decoder = Decoder(mapping=mapping_of("otel"))
    batches = [decoder.decode(record) for record in records]
    assert not [reject for batch in batches for reject in batch.rejects]
    expect([event for batch in batches for event in batch.events])
    assert b"nobody needs" not in b"".join(records)


@contextlib.contextmanager
def collector(shipped: Path, servers: str, topic: str, directory: Path) -> Iterator[Place]:
    """The collector with the shipped configuration, on a free port and a topic of its own."""
    program = os.environ.get("OTELCOL") or shutil.which("otelcol-contrib")
    if program is None:
        pytest.skip("no OpenTelemetry collector: put otelcol-contrib on the PATH, or name one in OTELCOL")
    grpc, http = free_port(), free_port()
    text = shipped.read_text(encoding="utf-8").replace("gateway.requests", topic)
    text = text.replace("0.0.0.0:4317", f"127.0.0.1:{grpc}").replace("0.0.0.0:4318", f"127.0.0.1:{http}")
    quiet = "service:\n  telemetry: {metrics: {level: none}}\n"
    (directory / "collector.yaml").write_text(re.sub(r"(?m)^service:\n", quiet, text), encoding="utf-8")
    log = directory / "collector.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, "--config", str(directory / "collector.yaml")],
            env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": servers},
            stdout=output,
            stderr=output,
        )
    try:

        def said() -> str:
            return log.read_text(errors="replace")[-3000:]

        until(lambda: "Everything is ready" in said() or process.poll() is not None, said)
        assert process.poll() is None, said()
        yield Place(grpc, f"http://127.0.0.1:{http}")
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
