from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from streamer.config.schema import KafkaConfig, TopicNames
from streamer.errors import BrokerError
from streamer.stream.topics import Topic, ensure_topics, require, topics_of

if TYPE_CHECKING:
    from tests.kafka_fixture import KafkaCluster


def config(servers: str, **options: int) -> KafkaConfig:
    suffix = uuid.uuid4().hex[:8]
    names = {name: f"{default}-{suffix}" for name, default in TopicNames().model_dump().items()}
    return KafkaConfig.model_validate(
        {"bootstrap_servers": servers, "topics": TopicNames(**names), **options}, strict=False
    )


def test_every_topic_of_the_configuration_is_known() -> None:
    kafka = KafkaConfig(request_partitions=4, link_partitions=3)
    wanted = {topic.name: topic for topic in topics_of(kafka)}
    assert set(wanted) == set(kafka.topics.model_dump().values())
    assert {name for name, topic in wanted.items() if topic.cleanup == "compact"} == {
        "streamer.members",
        "streamer.limits",
        "streamer.state.account",
        "streamer.state.link",
        "streamer.state.cluster",
    }
    assert wanted["llm.requests"].partitions == wanted["streamer.state.account"].partitions == 4
    assert wanted["streamer.evidence"].partitions == wanted["streamer.state.link"].partitions == 3
    assert wanted["streamer.rejects"].max_message_bytes > wanted["llm.requests"].max_message_bytes


@pytest.mark.kafka
def test_topics_are_made_once_and_found_right_afterwards(kafka: KafkaCluster) -> None:
    wanted = topics_of(config(kafka.servers, request_partitions=4))
    before = ensure_topics(kafka.servers, wanted, dry_run=True)
    assert {state.state for state in before} == {"missing"}
    with pytest.raises(BrokerError, match="not there"):
        require(before)
    made = ensure_topics(kafka.servers, wanted)
    assert {(state.state, state.problems) for state in made} == {("made", ())}
    again = ensure_topics(kafka.servers, wanted)
    assert {(state.state, state.problems) for state in again} == {("there", ())}
    assert {state.topic: state.partitions for state in again} == {topic.name: topic.partitions for topic in wanted}
    require(again)


@pytest.mark.kafka
def test_what_differs_is_named_and_left_as_it_is(kafka: KafkaCluster) -> None:
    name = kafka.unique("members")
    kafka.create({name: 2}, {name: {"max.message.bytes": "1000"}})
    [state] = ensure_topics(kafka.servers, [Topic(name, 3, "compact", 5000)])
    assert (state.state, state.partitions) == ("there", 2)
    with pytest.raises(BrokerError) as caught:
        require([state])
    for part in ("2 partitions, 3 wanted", "cleanup.policy is delete, compact", "max.message.bytes is 1000"):
        assert part in caught.value.found
    assert ensure_topics(kafka.servers, [Topic(name, 3, "compact", 5000)]) == [state]


def test_without_a_broker_that_is_what_is_said() -> None:
    with pytest.raises(BrokerError, match="no Kafka answers"):
        ensure_topics("127.0.0.1:1", [Topic("any", 1)])
