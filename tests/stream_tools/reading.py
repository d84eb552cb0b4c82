"""What lies in a topic, read by another client than the one that wrote it."""

from __future__ import annotations

from typing import Any

from kafka import KafkaConsumer, TopicPartition


def everything(servers: str, topic: str) -> list[Any]:
    """All messages of a topic, partition by partition."""
    consumer = KafkaConsumer(
        bootstrap_servers=servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_bytes=64 << 20,
        max_partition_fetch_bytes=32 << 20,
    )
    try:
        partitions = [TopicPartition(topic, at) for at in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        consumer.seek_to_beginning(*partitions)
        found: list[Any] = []
        while any(consumer.position(one) < end for one, end in ends.items()):
            for records in consumer.poll(timeout_ms=1000).values():
                found += records
        return sorted(found, key=lambda record: (record.partition, record.offset))
    finally:
        consumer.close()
