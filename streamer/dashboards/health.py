"""Is the detector well: does it get on, is it up to date, what can it not see."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from streamer.dashboards.panels import Panel, Query, Row, assemble

RATE = "$__rate_interval"
RECEIVED = f"sum(rate(streamer_requests_total[{RATE}]))"

NOW = Row(
    "Now",
    [
        Panel("number", "Workers", "That answer a scrape.", 4, [Query('sum(up{job="streamer"})')]),
        Panel("number", "Requests a second", "Read, whatever became of them.", 4, [Query(RECEIVED)], unit="reqps"),
        Panel(
            "number",
            "Behind the clock",
            "The partition that is furthest behind. Of a replayed past it is the age of the past.",
            4,
            [Query("max(streamer_watermark_delay_seconds)")],
            unit="s",
            warn=900,
            alarm=1800,
        ),
        Panel(
            "number",
            "Messages that wait",
            "Between all stages.",
            4,
            [Query("sum(streamer_lag_messages)")],
            warn=1000,
            alarm=5000,
        ),
        Panel(
            "number",
            "Records rejected",
            "Share of all, since the workers started.",
            4,
            [Query('sum(streamer_requests_total{outcome="rejected"}) / clamp_min(sum(streamer_requests_total), 1)')],
            unit="percentunit",
            warn=0.01,
            alarm=0.05,
        ),
        Panel("number", "Accounts held", "In memory, of all partitions.", 4, [Query("sum(streamer_accounts)")]),
    ],
)

FLOW = Row(
    "Flow",
    [
        Panel(
            "lines",
            "Requests by outcome",
            "Late is behind the lateness, ahead has a clock that nobody confirmed.",
            8,
            [Query(f"sum by (outcome) (rate(streamer_requests_total[{RATE}]))", "{{outcome}}")],
            unit="reqps",
        ),
        Panel(
            "lines",
            "Messages that wait, by stage",
            "",
            8,
            [Query("sum by (stage) (streamer_lag_messages)", "{{stage}}")],
            warn=5000,
        ),
        Panel(
            "lines",
            "Behind the clock, by partition",
            "A line that climbs one second a second stands still.",
            8,
            [Query("max by (partition) (streamer_watermark_delay_seconds)", "{{partition}}")],
            unit="s",
        ),
        Panel(
            "lines",
            "Close of a window after its end, 95%",
            "Since the workers started.",
            8,
            [Query("histogram_quantile(0.95, sum by (le) (streamer_window_latency_seconds_bucket))", "95%")],
            unit="s",
        ),
        Panel(
            "lines",
            "Rejects by reason",
            "",
            8,
            [Query(f"sum by (reason) (rate(streamer_rejects_total[{RATE}]))", "{{reason}}")],
            unit="reqps",
        ),
        Panel(
            "lines",
            "Partitions restored, and lost to another",
            "Often means that workers come and go.",
            8,
            [
                Query("sum by (stage) (streamer_restores_total)", "restored, {{stage}}"),
                Query("sum by (stage) (streamer_fenced_total)", "lost, {{stage}}"),
            ],
        ),
    ],
)

SIGHT = Row(
    "What it can see",
    [
        Panel(
            "bars",
            "Requests that carry what a family of evidence needs",
            "Near zero: that family is blind.",
            12,
            [
                Query(
                    "sort_desc(max by (family) (sum by (field, family) (streamer_fields_present_total)"
                    " / on () group_left () clamp_min(sum(streamer_requests_sampled_total), 1)))",
                    "{{family}}",
                )
            ],
            unit="percentunit",
        ),
        Panel(
            "bars",
            "Requests that carry a field",
            "Since the workers started.",
            12,
            [
                Query(
                    "sort_desc(sum by (field) (streamer_fields_present_total)"
                    " / on () group_left () clamp_min(sum(streamer_requests_sampled_total), 1))",
                    "{{field}}",
                )
            ],
            unit="percentunit",
        ),
    ],
)

STATE = Row(
    "State",
    [
        Panel(
            "lines",
            "Size of the newest state",
            "",
            8,
            [Query("sum by (stage) (streamer_state_bytes)", "{{stage}}")],
            unit="bytes",
        ),
        Panel(
            "lines",
            "Time to write a checkpoint, 95%",
            "Since the workers started.",
            8,
            [Query("histogram_quantile(0.95, sum by (le, stage) (streamer_checkpoint_seconds_bucket))", "{{stage}}")],
            unit="s",
        ),
        Panel(
            "lines",
            "Offsets not delivered, and fetched",
            "Natural gaps are markers and compaction.",
            8,
            [Query("sum by (stage, kind) (streamer_offset_gaps_total)", "{{stage}}, {{kind}}")],
        ),
        Panel(
            "lines",
            "Memory",
            "Resident, by worker.",
            12,
            [Query("process_resident_memory_bytes", "{{instance}}")],
            "bytes",
        ),
        Panel(
            "lines",
            "Processor",
            "Cores used, by worker.",
            12,
            [Query(f"rate(process_cpu_seconds_total[{RATE}])", "{{instance}}")],
        ),
    ],
)


def health() -> dashboard.Dashboard:
    """The dashboard."""
    text = "Does the detector get on, is it up to date, what can it not see."
    return assemble("streamer-health", "streamer: health", text, [NOW, FLOW, SIGHT, STATE], "now-6h")
