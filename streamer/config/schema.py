"""What can be configured, with its defaults and bounds. config/streamer.yaml says what each key is for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from streamer.detection.settings import DetectionSettings

InputFormat = Literal["auto", "native", "litellm", "otel", "envoy"]
TopicName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
Port = Annotated[int, Field(ge=0, le=65_535)]
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
Rung = Literal["observe", "alert", "throttle"]


class Section(BaseModel):
    """A part of the configuration: nothing in it can be changed, nothing unknown is let in."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TopicNames(Section):
    """The Kafka topics."""

    requests: TopicName = "llm.requests"
    evidence: TopicName = "streamer.evidence"
    suspects: TopicName = "streamer.suspects"
    alerts: TopicName = "streamer.alerts"
    members: TopicName = "streamer.members"
    limits: TopicName = "streamer.limits"
    rejects: TopicName = "streamer.rejects"
    feedback: TopicName = "streamer.feedback"
    audit: TopicName = "streamer.audit"
    state_account: TopicName = "streamer.state.account"
    state_link: TopicName = "streamer.state.link"
    state_cluster: TopicName = "streamer.state.cluster"


class KafkaConfig(Section):
    """Where Kafka is and how its topics are laid out."""

    bootstrap_servers: Annotated[str, Field(pattern=r"^[^\s,:]+:\d{1,5}(,[^\s,:]+:\d{1,5})*$")] = "localhost:9092"
    application: TopicName = "streamer"
    request_partitions: Annotated[int, Field(ge=1, le=1024)] = 6
    link_partitions: Annotated[int, Field(ge=1, le=1024)] = 6
    replication_factor: Annotated[int, Field(ge=1, le=15)] = 1
    topics: TopicNames = TopicNames()


class StreamConfig(Section):
    """How a live worker behaves."""

    workers: Count = 1
    idle_s: Seconds = 60.0
    checkpoint_interval_s: Seconds = 5.0
    max_message_bytes: Annotated[int, Field(ge=1024, le=100_000_000)] = 1_000_000


class IngestConfig(Section):
    """Where `streamer ingest` reads a gateway's own records."""

    topic: TopicName = "gateway.requests"
    batch_events: Count = 500
    linger_ms: Count = 200
    port: Port = 6067


class InputConfig(Section):
    """How records are written."""

    format: InputFormat = "auto"


class PrivacyConfig(Section):
    """Whether identifiers are replaced by keyed hashes on entry."""

    pseudonymize: bool = False
    key_env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] = "STREAMER_PSEUDONYM_KEY"


class WebConfig(Section):
    """Where a worker serves its metrics, health and pages, and what lets a person act on them."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Port = 6066
    token_env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] = "STREAMER_WEB_TOKEN"  # noqa: S105 - a name


HttpUrl = Annotated[str, Field(pattern=r"^https?://[^\s/]+(/\S*)?$")]
LabelText = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*=[^\s].{0,200}$")]
VariableName = Annotated[str, Field(pattern=r"^([A-Z][A-Z0-9_]*)?$")]


class AlertmanagerConfig(Section):
    """Where alerts are sent; nothing is sent while there are no urls."""

    urls: tuple[HttpUrl, ...] = ()
    resend_interval_s: Annotated[float, Field(ge=1, le=3600)] = 60.0
    ends_after_s: Annotated[float, Field(ge=2, le=86_400)] = 300.0
    timeout_s: Seconds = 10.0
    labels: tuple[LabelText, ...] = ()
    page_url: str = ""
    runbook_url: str = ""
    token_env: VariableName = ""
    port: Port = 6069


class WebhookConfig(Section):
    """Where every revision of an alert is posted, signed; nothing is posted while there is no url."""

    url: Annotated[str, Field(pattern=r"^(https?://[^\s/]+(/\S*)?)?$")] = ""
    format: Literal["alert", "ocsf"] = "alert"
    secret_env: VariableName = "SIGNING_SECRET"  # noqa: S105 - the name of a variable, not what is in it
    timeout_s: Seconds = 10.0


class SiemConfig(Section):
    """The file that every revision of an alert is appended to as an OCSF Detection Finding; none while empty."""

    file: str = ""


class RedisConfig(Section):
    """Where limits are written for gateways that read them from Redis; nowhere if `url` is empty."""

    url: Annotated[str, Field(pattern=r"^((redis|rediss|unix)://.+)?$")] = ""
    prefix: Annotated[str, Field(pattern=r"^[^*?\[\]\\\s]+$")] = "streamer:"


class LiteLLMConfig(Section):
    """The LiteLLM proxy whose keys are limited; none if `url` is empty."""

    url: Annotated[str, Field(pattern=r"^(https?://.+)?$")] = ""
    key_env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] = "LITELLM_MASTER_KEY"


class LadderConfig(Section):
    """How far an alert of each severity may go by itself."""

    critical: Rung = "throttle"
    warning: Rung = "throttle"
    info: Rung = "alert"


class PlansConfig(Section):
    """Plans whose accounts are never taken further than this."""

    alert: tuple[str, ...] = ()
    throttle: tuple[str, ...] = ()


class LimitsConfig(Section):
    """What becomes of limits between the detector and the gateways."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Port = 6068
    mode: Literal["shadow", "enforce"] = "shadow"
    ladder: LadderConfig = LadderConfig()
    plans: PlansConfig = PlansConfig()
    max_false_alarms_per_day: Annotated[float, Field(ge=0)] = 0.1
    requests_per_minute: Count = 2
    person_expires_s: Seconds = 86_400.0
    lift_holds_s: Seconds = 604_800.0
    allow: tuple[str, ...] = ()
    max_accounts: Annotated[int, Field(ge=0)] = 50_000
    max_traffic_ratio: Annotated[float, Field(ge=0, le=1)] = 0.2
    traffic_window_s: Seconds = 300.0
    traffic_min_requests: Count = 1_000
    max_lag_s: Seconds = 3_600.0
    stale_after_s: Annotated[float, Field(ge=2)] = 60.0
    account_header: HeaderName = "x-account-id"
    api_key_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{0,64}$")] = ""
    plan_header: HeaderName = "x-plan"
    redis: RedisConfig = RedisConfig()
    litellm: LiteLLMConfig = LiteLLMConfig()


class StreamerConfig(Section):
    """All of it."""

    kafka: KafkaConfig = KafkaConfig()
    input: InputConfig = InputConfig()
    ingest: IngestConfig = IngestConfig()
    stream: StreamConfig = StreamConfig()
    web: WebConfig = WebConfig()
    privacy: PrivacyConfig = PrivacyConfig()
    alertmanager: AlertmanagerConfig = AlertmanagerConfig()
    webhook: WebhookConfig = WebhookConfig()
    siem: SiemConfig = SiemConfig()
    limits: LimitsConfig = LimitsConfig()
    detection: DetectionSettings = DetectionSettings()
