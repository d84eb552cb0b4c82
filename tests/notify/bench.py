"""Topics of its own, somebody who writes records to them, and a notifier that reads them."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Self

from kafka import KafkaProducer
from prometheus_client import CollectorRegistry

from streamer.config import AlertmanagerConfig, KafkaConfig, StreamerConfig, TopicNames
from streamer.stream.topics import ensure_topics, topics_of
from streamer.wiring.notify import notifiers
from tests.notify.programs import Alertmanager, Inbox
from tests.notify.records import value

if TYPE_CHECKING:
    from pathlib import Path

    from streamer.detection.records import Alert, Membership
    from tests.kafka_fixture import KafkaCluster


class Running:
    """A notifier in a thread, as one process of several would have it."""

    def __init__(self, config: StreamerConfig) -> None:
        self.registry = CollectorRegistry()
        self._works = notifiers(config, self.registry)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        async def work() -> None:
            async with asyncio.TaskGroup() as group:
                self._tasks = [group.create_task(each()) for each in self._works.runs]

        self._loop.run_until_complete(work())
        self._loop.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for task in self._tasks:
            self._loop.call_soon_threadsafe(task.cancel)
        self._thread.join()

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)

    def taken(self, target: str) -> float:
        """How often a receiver took what it was brought."""
        return self.value("streamer_notify_deliveries_total", target=target, outcome="ok") or 0.0


class Topics:
    """Topics of its own, and somebody who writes records to them."""

    def __init__(self, kafka: KafkaCluster, **sections: Any) -> None:
        name = kafka.unique("notify")
        topics = TopicNames(**{field: f"{name}.{field}" for field in TopicNames.model_fields})
        found = KafkaConfig(
            bootstrap_servers=kafka.servers, application=name, request_partitions=1, link_partitions=1, topics=topics
        )
        self.config = StreamerConfig(kafka=found, **sections)
        ensure_topics(kafka.servers, topics_of(found))
        self.reconnect()

    def reconnect(self) -> None:
        self._producer = KafkaProducer(bootstrap_servers=self.config.kafka.bootstrap_servers)

    def write(self, *records: Alert | Membership) -> None:
        topics = self.config.kafka.topics
        for record in records:
            topic = topics.alerts if hasattr(record, "alert_id") else topics.members
            key = getattr(record, "alert_id", "") or record.account_id  # type: ignore[union-attr]
            self._producer.send(topic, value(record), key=key.encode())
        self._producer.flush()

    def close(self) -> None:
        self._producer.close()


class Bench(Topics):
    """The same with an Alertmanager, and where its notifications arrive."""

    def __init__(self, kafka: KafkaCluster, directory: Path, root: Path, inbox: Inbox) -> None:
        self.inbox = inbox
        self.alertmanager = Alertmanager(directory, root / "deploy" / "alertmanager" / "alertmanager.yml", inbox.url)
        sending = AlertmanagerConfig(urls=(self.alertmanager.url,), resend_interval_s=1.0, ends_after_s=600.0)
        super().__init__(kafka, alertmanager=sending)

    def notified(self) -> dict[str, Any]:
        body: dict[str, Any] = self.inbox.next()
        return body

    def news_after(self, known: dict[str, Any]) -> dict[str, Any]:
        """The next that does not say the same of the same alert as what is known."""
        while True:
            body = self.notified()
            if (body["status"], body["commonLabels"]) != (known["status"], known["commonLabels"]):
                return body

    def firing(self) -> list[dict[str, str]]:
        return [found["labels"] for found in self.alertmanager.alerts()]
