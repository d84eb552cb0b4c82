"""A LiteLLM callback that writes every finished request to Kafka, for `streamer ingest` to read.

In the proxy's configuration: `litellm_settings: {callbacks: [streamer_callback.kafka_logger]}`, this file beside it.
Environment: KAFKA_BOOTSTRAP_SERVERS, and STREAMER_GATEWAY_TOPIC if it is not `gateway.requests`.
"""

import asyncio
import json
import logging
import os

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from litellm.integrations.custom_logger import CustomLogger

logger = logging.getLogger("streamer_callback")
MAX_WAITING = 10_000
RETRY_S = 5.0


class KafkaLogger(CustomLogger):
    """Sends LiteLLM's StandardLoggingPayload, keyed by the hash of the API key.

    The gateway never waits for Kafka: what cannot be sent for now waits in a bounded queue, and beyond that is dropped
    and counted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dropped = 0
        self._topic = os.environ.get("STREAMER_GATEWAY_TOPIC", "gateway.requests")
        self._waiting: asyncio.Queue[tuple[bytes, bytes]] | None = None
        self._sending: asyncio.Task[None] | None = None

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time) -> None:  # noqa: ANN001, ARG002
        """Take note of a request that was answered."""
        self._note(kwargs)

    async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time) -> None:  # noqa: ANN001, ARG002
        """Take note of a request that failed: rate limits and overloads say much."""
        self._note(kwargs)

    def _note(self, kwargs: dict) -> None:
        payload = kwargs.get("standard_logging_object")
        if payload is None:
            return
        if self._waiting is None or self._sending is None or self._sending.done():
            # Here and not in the constructor, which runs before there is an event loop.
            self._waiting = self._waiting or asyncio.Queue(MAX_WAITING)
            self._sending = asyncio.create_task(self._send(self._waiting))
        key = (payload.get("metadata") or {}).get("user_api_key_hash") or ""
        try:
            self._waiting.put_nowait((key.encode(), json.dumps(payload, default=str).encode()))
        except asyncio.QueueFull:
            self.dropped += 1
            if self.dropped & (self.dropped - 1) == 0:  # at 1, 2, 4, 8 ...
                logger.warning("Kafka does not keep up: %d requests not reported so far", self.dropped)

    async def _send(self, waiting: "asyncio.Queue[tuple[bytes, bytes]]") -> None:
        while True:
            producer = AIOKafkaProducer(bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"], linger_ms=20)
            try:
                await producer.start()
                while True:
                    key, value = await waiting.get()
                    await producer.send(self._topic, value, key=key)
            except KafkaError as error:
                logger.warning("cannot reach Kafka (%r), trying again in %.0f s", error, RETRY_S)
                await asyncio.sleep(RETRY_S)
            finally:
                await producer.stop()


kafka_logger = KafkaLogger()
