"""The configuration: one YAML file and the environment, checked once, frozen."""

from __future__ import annotations

from streamer.config.loading import load_config
from streamer.config.schema import (
    AlertmanagerConfig,
    IngestConfig,
    InputFormat,
    KafkaConfig,
    PrivacyConfig,
    SiemConfig,
    StreamConfig,
    StreamerConfig,
    TopicNames,
    WebConfig,
    WebhookConfig,
)

__all__ = [
    "AlertmanagerConfig",
    "IngestConfig",
    "InputFormat",
    "KafkaConfig",
    "PrivacyConfig",
    "SiemConfig",
    "StreamConfig",
    "StreamerConfig",
    "TopicNames",
    "WebConfig",
    "WebhookConfig",
    "load_config",
]
