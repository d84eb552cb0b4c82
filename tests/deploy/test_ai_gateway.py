"""The access log of deploy/envoy-ai-gateway, written by a real Envoy, and its way through a real collector."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import yaml

from streamer.sources.decode import Decoder
from streamer.sources.formats import detect, mapping_of
from tests.deploy.test_collector import collector, free_port
from tests.limits.stand import ask, running
from tests.patience import until
from tests.stream_tools.reading import everything

if TYPE_CHECKING:
    from pathlib import Path

    from streamer.sources.event import RequestEvent
    from tests.kafka_fixture import KafkaCluster

API = "type.googleapis.com/envoy.extensions"
NAMESPACE = "io.envoy.ai_gateway"
HEADERS = {
    "x-account-id": "acct-1",
    "x-ai-eg-model": "gpt-4o",
    "x-forwarded-for": "8.8.4.4",
    "x-session-id": "conversation-1",
    "user-agent": "probe/1.0",
}


def resources(root: Path) -> dict[str, dict[str, Any]]:
    text = (root / "deploy" / "envoy-ai-gateway" / "gateway.yaml").read_text(encoding="utf-8")
    return {each["kind"]: each for each in yaml.safe_load_all(text)}


def access_log_format(root: Path) -> dict[str, str]:
    [setting] = resources(root)["EnvoyProxy"]["spec"]["telemetry"]["accessLog"]["settings"]
    found: dict[str, str] = setting["format"]["json"]
    return found


def proxy(port: int, log: dict[str, Any], clusters: list[dict[str, Any]], metadata: dict[str, int]) -> dict[str, Any]:
    """An Envoy that answers by itself, and says of each request what the AI gateway would have found out."""
    manager = {
        "@type": f"{API}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gateway",
        "use_remote_address": True,
        "xff_num_trusted_hops": 1,
        "access_log": [log],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "api",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}],
                }
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.set_metadata",
                "typed_config": {
                    "@type": f"{API}.filters.http.set_metadata.v3.Config",
                    "metadata": [{"metadata_namespace": NAMESPACE, "value": metadata}],
                },
            },
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{API}.filters.http.router.v3.Router"},
            },
        ],
    }
    listener = {
        "name": "gateway",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
    return {"static_resources": {"listeners": [listener], "clusters": clusters}}


def asked(envoy: str, directory: Path, root: Path, log: dict[str, Any], clusters: list[dict[str, Any]]) -> Any:
    """A running Envoy that was asked once."""
    costs = resources(root)["AIGatewayRoute"]["spec"]["llmRequestCosts"]
    numbers = {"InputToken": 12, "OutputToken": 34, "CachedInputToken": 4}
    metadata = {cost["metadataKey"]: numbers[cost["type"]] for cost in costs}
    port = free_port()
    (directory / "envoy.yaml").write_text(yaml.safe_dump(proxy(port, log, clusters, metadata)), encoding="utf-8")
    process = running([envoy, "-c", "envoy.yaml", "--use-dynamic-base-id", "--concurrency", "1"], directory)
    return process, f"http://127.0.0.1:{port}/v1/chat/completions?beta=true"


def expect(event: RequestEvent) -> None:
    assert (event.account_id, event.model, event.operation, event.status) == ("acct-1", "gpt-4o", "chat", 200)
    assert (event.input_tokens, event.output_tokens, event.cache_read_tokens) == (12, 34, 4)
    assert (event.client_ip, event.user_agent, event.session_id) == ("8.8.4.4", "probe/1.0", "conversation-1")
    assert abs(event.timestamp_ms - time.time() * 1000) < 600_000
    assert event.event_id


def test_nobody_chooses_their_own_account(root: Path) -> None:
    policy = resources(root)["SecurityPolicy"]["spec"]
    header = policy["apiKeyAuth"]["forwardClientIDHeader"]
    assert access_log_format(root)["account_id"] == f"%REQ({header.upper()})%"
    assert policy["targetRefs"][0]["name"] == resources(root)["Gateway"]["metadata"]["name"]


def test_a_line_that_a_real_envoy_wrote(envoy: str, root: Path, tmp_path: Path) -> None:
    lines = tmp_path / "access.jsonl"
    log = {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": f"{API}.access_loggers.file.v3.FileAccessLog",
            "path": str(lines),
            "log_format": {"json_format": access_log_format(root)},
        },
    }
    process, url = asked(envoy, tmp_path, root, log, [])
    with process:
        until(lambda: ask(url, **HEADERS).status == 200, "Envoy answers")
        until(lambda: lines.is_file() and b"\n" in lines.read_bytes(), "the line is written")
    line = lines.read_bytes().splitlines()[0]
    assert detect(line) == "envoy"
    batch = Decoder(mapping=mapping_of("envoy")).decode(line)
    assert not batch.rejects
    expect(batch.events[0])


def test_the_way_through_a_real_collector(envoy: str, root: Path, kafka: KafkaCluster, tmp_path: Path) -> None:
    topic = kafka.unique("gateway")
    kafka.create({topic: 1})
    with collector(root / "deploy" / "otel" / "collector.yaml", kafka.servers, topic, tmp_path) as place:
        listed = [{"key": key, "value": {"string_value": value}} for key, value in access_log_format(root).items()]
        target = {"socket_address": {"address": "127.0.0.1", "port_value": place.grpc}}
        http2 = {
            "@type": f"{API}.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
        cluster = {
            "name": "collector",
            "connect_timeout": "2s",
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
            "load_assignment": {
                "cluster_name": "collector",
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": target}}]}],
            },
        }
        log = {
            "name": "envoy.access_loggers.open_telemetry",
            "typed_config": {
                "@type": f"{API}.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig",
                "common_config": {
                    "log_name": "gateway",
                    "grpc_service": {"envoy_grpc": {"cluster_name": "collector"}},
                    "transport_api_version": "V3",
                },
                "attributes": {"values": listed},
            },
        }
        process, url = asked(envoy, tmp_path, root, log, [cluster])
        with process:
            until(lambda: ask(url, **HEADERS).status == 200, "Envoy answers")
            until(lambda: everything(kafka.servers, topic), "the line is in Kafka")
    value = everything(kafka.servers, topic)[0].value
    assert detect(value) == "otel"
    batch = Decoder(mapping=mapping_of("otel")).decode(value)
    assert not batch.rejects
    expect(batch.events[0])
