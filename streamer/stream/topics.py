"""Every topic of the program: made where it is missing, checked where it is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from streamer.errors import BrokerError
from streamer.stream.sender import MAX_MESSAGE_BYTES
from streamer.stream.servers import require_servers

if TYPE_CHECKING:
    from streamer.config import KafkaConfig

# A request that is too large must still fit, with its headers, into the topic of rejects.
_HEADROOM_BYTES = 64 << 10
_ANSWER_MS = 10_000
# Who is told about alerts is worked out from the topic: what still fires must still be in it.
_ALERTS_MS = 90 * 86_400_000

Cleanup = Literal["delete", "compact"]


@dataclass(frozen=True, slots=True)
class Topic:
    """What a topic must be like."""

    name: str
    partitions: int
    cleanup: Cleanup = "delete"
    max_message_bytes: int = MAX_MESSAGE_BYTES
    retention_ms: int | None = None
    kept: bool = False

    @property
    def settings(self) -> dict[str, str]:
        """Its settings, as Kafka names them; what is `kept` never goes by age."""
        settings = {"cleanup.policy": self.cleanup, "max.message.bytes": str(self.max_message_bytes)}
        retention_ms = -1 if self.kept else self.retention_ms
        return settings if retention_ms is None else {**settings, "retention.ms": str(retention_ms)}


@dataclass(frozen=True, slots=True)
class TopicState:
    """What was found, or done, about a topic; `problems` are for a person to act on."""

    topic: str
    partitions: int
    cleanup: str
    state: Literal["there", "made", "missing"]
    problems: tuple[str, ...] = ()


def topics_of(kafka: KafkaConfig) -> tuple[Topic, ...]:
    """All topics that a configuration names."""
    names = kafka.topics
    requests, links = kafka.request_partitions, kafka.link_partitions
    return (
        Topic(names.requests, requests, max_message_bytes=MAX_MESSAGE_BYTES - _HEADROOM_BYTES),
        Topic(names.evidence, links),
        Topic(names.suspects, 1),
        Topic(names.alerts, 1, retention_ms=_ALERTS_MS),
        Topic(names.members, 1, "compact"),
        Topic(names.limits, 1, "compact"),
        Topic(names.rejects, requests),
        Topic(names.feedback, 1, kept=True),
        Topic(names.audit, 1, kept=True),
        Topic(names.state_account, requests, "compact"),
        Topic(names.state_link, links, "compact"),
        Topic(names.state_cluster, 1, "compact"),
    )


def ensure_topics(
    servers: str, topics: Iterable[Topic], *, replication: int = 1, dry_run: bool = False
) -> list[TopicState]:
    """Make what is missing, unless this is a `dry_run`, and check the rest. Nothing that exists is changed."""
    wanted = list(topics)
    with _admin(servers) as admin:
        found = _existing(admin, [topic.name for topic in wanted])
        missing = [topic for topic in wanted if topic.name not in found]
        made = set() if dry_run else _make(admin, missing, replication)
        found |= {} if dry_run else _existing(admin, [topic.name for topic in missing])
    return [_state(topic, found.get(topic.name), made=topic.name in made) for topic in wanted]


def require(states: Iterable[TopicState]) -> None:
    """Raise a `BrokerError` that names every topic that is missing or not as it must be."""
    problems = [f"{state.topic}: {problem}" for state in states for problem in state.problems]
    if problems:
        remedy = "run `streamer topics`, or change or remove the topic by hand: nothing that exists is changed for you"
        raise BrokerError("topics", "; ".join(problems), remedy)


@contextmanager
def _admin(servers: str) -> Iterator[KafkaAdminClient]:
    require_servers(servers)
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=servers.split(","), client_id="streamer-topics", bootstrap_timeout_ms=_ANSWER_MS
        )
    except (KafkaError, ValueError) as error:
        found = f"no Kafka answers ({_described(error)})"
        raise BrokerError(servers, found, "start it, or correct kafka.bootstrap_servers") from error
    try:
        yield admin
    except KafkaError as error:
        found = f"Kafka refused ({_described(error)})"
        raise BrokerError(servers, found, "look at the broker's log, and at what this client may do") from error
    finally:
        admin.close()


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _existing(admin: KafkaAdminClient, names: Iterable[str]) -> dict[str, tuple[int, Mapping[str, str]]]:
    """Partitions and settings of those topics that are there."""
    there = set(admin.list_topics()).intersection(names)
    if not there:
        return {}
    counts = {found["name"]: len(found["partitions"]) for found in admin.describe_topics(sorted(there))}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in sorted(there)]
    described: dict[str, dict[str, dict[str, Any]]] = admin.describe_configs(resources, config_filter="all")["topic"]
    return {
        name: (counts[name], {key: str(entry["value"]) for key, entry in described[name].items()}) for name in there
    }


def _make(admin: KafkaAdminClient, topics: list[Topic], replication: int) -> set[str]:
    made: set[str] = set()
    for topic in topics:
        try:
            admin.create_topics([NewTopic(topic.name, topic.partitions, replication, topic_configs=topic.settings)])
        except TopicAlreadyExistsError:
            continue  # somebody else made it in between, and it is checked like any other
        made.add(topic.name)
    admin.wait_for_topics([topic.name for topic in topics])
    return made


def _state(topic: Topic, found: tuple[int, Mapping[str, str]] | None, *, made: bool) -> TopicState:
    if found is None:
        return TopicState(topic.name, topic.partitions, topic.cleanup, "missing", ("not there",))
    partitions, settings = found
    problems = []
    if partitions != topic.partitions:
        problems.append(f"{partitions} partitions, {topic.partitions} wanted")
    cleanup = settings.get("cleanup.policy", "")
    if topic.cleanup not in cleanup.split(",") or (topic.cleanup == "compact" and "delete" in cleanup):
        problems.append(f"cleanup.policy is {cleanup}, {topic.cleanup} wanted")
    largest = settings.get("max.message.bytes", "0")
    if int(largest) < topic.max_message_bytes:
        problems.append(f"max.message.bytes is {largest}, at least {topic.max_message_bytes} wanted")
    return TopicState(topic.name, partitions, cleanup, "made" if made else "there", tuple(problems))
