"""The three stages of the detector on Kafka: which object reads which topic and writes where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streamer.detection.account_stage import AccountStage
from streamer.detection.cluster_stage import ClusterStage
from streamer.detection.evidence import LeadReport, WindowReport
from streamer.detection.link_stage import LinkStage
from streamer.detection.report_parts import chunk, chunk_leads, split
from streamer.sinks.encode import RecordTopics, message
from streamer.sources.decode import Decoder
from streamer.stream.app import StageSpec
from streamer.stream.codec import ReportDecoder, pack_reports
from streamer.stream.messages import Incoming, Outgoing, Position
from streamer.stream.ports import Intervals
from streamer.stream.rejecting import rejected
from streamer.stream.settings import StreamSettings
from streamer.stream.tasks import AccountTask, BarrierTask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamer.config import StreamerConfig
    from streamer.detection.records import Decision
    from streamer.metrics import Metrics
    from streamer.sources.event import RequestEvent

SEND_S = 0.5
SNAPSHOT_S = 30.0
LATEST_S = 300.0
QUIET_S = 10.0
MAX_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Topology:
    """Builds the stages of one configuration. `clock_ms` is wall time; `key` makes hashes of raw text keyed ones."""

    config: StreamerConfig
    metrics: Metrics
    clock_ms: Callable[[], int]
    key: bytes = b""

    def settings(self) -> StreamSettings:
        """Give what the application needs to know."""
        config = self.config
        return StreamSettings(
            bootstrap_servers=config.kafka.bootstrap_servers,
            application=config.kafka.application,
            web_host=config.web.host,
            web_port=config.web.port or None,
        )

    def specs(self) -> list[StageSpec]:
        """Give the three stages, in the order of the data."""
        topics, stream = self.config.kafka.topics, self.config.stream
        quiet_s = min(QUIET_S, stream.idle_s)
        requests = Intervals(SEND_S, stream.checkpoint_interval_s, LATEST_S, quiet_s, stream.idle_s)
        reports = Intervals(SEND_S, SNAPSHOT_S, SNAPSHOT_S, QUIET_S, None)
        decisions = Intervals(0.0, 0.0, SNAPSHOT_S, QUIET_S, None)
        return [
            StageSpec("account", topics.requests, topics.state_account, self.account_task, requests),
            StageSpec("link", topics.evidence, topics.state_link, self.link_task, reports),
            StageSpec("cluster", topics.suspects, topics.state_cluster, self.cluster_task, decisions),
        ]

    def account_task(self, partition: int) -> AccountTask:
        """Build what runs on one partition of the requests."""
        position = Position(self.config.kafka.topics.requests, partition)
        stage = AccountStage(self.config.detection, partition, track_changes=True)
        decode = RequestDecoder(self.config, self.metrics, self.clock_ms, self.key, position)
        meter = AccountMeter(self.metrics, self.clock_ms, position)
        return AccountTask(stage, decode, self.route_evidence, position, meter, self._is_over)

    def _is_over(self, stage: AccountStage) -> bool:
        """Whether a request that arrives now, however late it may be, belongs to a window after all that are open.

        True at once for a stream of the past; on a live one only when its newest window and the lateness have gone by.
        """
        window = self.config.detection.window
        latest_ms = stage.latest_ms
        return latest_ms is None or self.clock_ms() - latest_ms >= window.window_ms + window.lateness_s * 1000

    def link_task(self, partition: int) -> BarrierTask:
        """Build what runs on one partition of the evidence."""
        kafka = self.config.kafka
        position = Position(kafka.topics.evidence, partition)
        stage = LinkStage(self.config.detection, kafka.request_partitions, partition, kafka.link_partitions)
        links, hubs = (gauge.labels(str(partition)) for gauge in (self.metrics.links, self.metrics.hubs))

        def measure(measured: Any) -> None:  # noqa: ANN401 - any stage with counts
            links.set(measured.group_count)
            hubs.set(measured.hub_count)

        return BarrierTask(
            stage,
            ReportDecoder(WindowReport, position.topic),
            self.route_suspects,
            position,
            measure,
        )

    def cluster_task(self, partition: int) -> BarrierTask:
        """Build what runs on the one partition of the suspects."""
        position = Position(self.config.kafka.topics.suspects, partition)
        stage = ClusterStage(self.config.detection, self.config.kafka.link_partitions)
        return BarrierTask(stage, ReportDecoder(LeadReport, position.topic), self.route_decisions, position)

    def route_evidence(self, reports: list[WindowReport]) -> list[Outgoing]:
        """Give each link partition what it must see of closed windows."""
        count, shards = self.config.kafka.link_partitions, self.config.detection.link.shards
        window_ms, now_ms = self.config.detection.window.window_ms, self.clock_ms()
        shares: list[list[WindowReport]] = [[] for _ in range(count)]
        for report in reports:
            if report.active.account_ids:
                self.metrics.window_latency.observe(max(0.0, (now_ms - (report.window + 1) * window_ms) / 1000))
            for target, part in enumerate(split(report, count, shards)):
                if part.early or not report.early:
                    shares[target] += chunk(part, MAX_ROWS)
        topic = self.config.kafka.topics.evidence
        return [
            Outgoing(topic, None, value, target) for target, share in enumerate(shares) for value in pack_reports(share)
        ]

    def route_suspects(self, reports: list[LeadReport]) -> list[Outgoing]:
        """Give the cluster stage what became of windows."""
        parts = [part for report in reports for part in chunk_leads(report, MAX_ROWS)]
        return [Outgoing(self.config.kafka.topics.suspects, None, value, 0) for value in pack_reports(parts)]

    def route_decisions(self, decisions: list[Decision]) -> list[Outgoing]:
        """Give the records of the contract."""
        names = self.config.kafka.topics
        topics = RecordTopics(names.alerts, names.members, names.limits)
        self.metrics.count_decisions(decisions, self.clock_ms())
        return [Outgoing(*message(decision, topics)) for decision in decisions]


class RequestDecoder:
    """Requests of messages, and the messages that carry their rejects away."""

    def __init__(
        self, config: StreamerConfig, metrics: Metrics, clock_ms: Callable[[], int], key: bytes, position: Position
    ) -> None:
        self._decoder = Decoder(clock_ms=clock_ms, max_message_bytes=config.stream.max_message_bytes, key=key)
        self._metrics = metrics
        self._topic = config.kafka.topics.rejects
        self._position = position

    def __call__(self, run: Sequence[Incoming]) -> tuple[Sequence[RequestEvent], list[Outgoing]]:
        """Decode; what cannot be used goes to the topic of rejects, unchanged."""
        if len(run) > 1 and (requests := self._decoder.decode_singles([incoming.value or b"" for incoming in run])):
            self._metrics.presence.look(requests)
            return requests, []
        requests, outgoing = [], []
        for incoming in run:
            found, rejects = self._decode(incoming)
            requests += found
            outgoing += rejects
        return requests, outgoing

    def _decode(self, incoming: Incoming) -> tuple[Sequence[RequestEvent], list[Outgoing]]:
        if incoming.value is None:
            return (), []
        batch = self._decoder.decode(incoming.value)
        self._metrics.presence.look(batch.events)
        if not batch.rejects and not batch.fields_dropped:
            return batch.events, []
        self._metrics.count_unusable((reject.reason for reject in batch.rejects), batch.fields_dropped)
        place = self._position, incoming.offset, incoming.key
        return batch.events, [rejected(self._topic, reject, *place) for reject in batch.rejects]


class AccountMeter:
    """Tells the metrics of an account stage what it counted since it was last asked, and what it holds."""

    def __init__(self, metrics: Metrics, clock_ms: Callable[[], int], position: Position) -> None:
        self._metrics = metrics
        self._clock_ms = clock_ms
        self._partition = str(position.partition)
        self._told: tuple[int, ...] | None = None

    def __call__(self, stage: Any) -> None:  # noqa: ANN401 - any stage with counts
        """Look at `stage`."""
        counts = stage.counts
        now = (counts.used, counts.duplicates, counts.late, counts.ahead)
        # What a restored stage brings with it was told by the worker that counted it.
        told = self._told or now
        names = ("used", "duplicate", "late", "ahead")
        self._metrics.count_requests({name: max(0, n - t) for name, n, t in zip(names, now, told, strict=True)})
        self._told = now
        self._metrics.accounts.labels(self._partition).set(stage.account_count)
        if stage.watermark_ms is not None:
            delay_s = (self._clock_ms() - stage.watermark_ms) / 1000
            self._metrics.watermark_delay.labels(self._partition).set(delay_s)
