"""What a worker needs to know of Kafka and of its own pace."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Settings of one worker; `from_config` in `topology` fills them from the configuration."""

    bootstrap_servers: str
    application: str = "streamer"
    session_timeout_s: float = 10.0
    checkpoint_interval_s: float = 1.0
    snapshot_interval_s: float = 30.0
    quiet_s: float = 10.0
    idle_s: float = 360.0
    max_fetch_bytes: int = 4 << 20
    max_poll_messages: int = 2_000
    buffered_fetches: int = 16
    web_host: str = "127.0.0.1"
    web_port: int | None = None

    @property
    def faust_broker(self) -> str:
        """The servers as Faust wants them."""
        return ";".join(f"kafka://{server}" for server in self.bootstrap_servers.split(","))
