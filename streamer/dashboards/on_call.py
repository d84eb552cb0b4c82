"""For the person on call: what fires, how big it is, what it was served, what is limited."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from streamer.dashboards.panels import Panel, Query, Row, assemble

FIRING = 'max by (severity) (streamer_alerts_firing{kind="cluster"})'


def _sum(metric: str) -> str:
    return f"sum(max by (severity) ({metric}))"


NOW = Row(
    "Now",
    [
        Panel(
            "number",
            "Critical campaigns",
            "Campaigns that page a person.",
            4,
            [Query('max(streamer_alerts_firing{kind="cluster", severity="critical"})')],
            alarm=1,
        ),
        Panel(
            "number",
            "Campaigns of less weight",
            "Warnings, for a ticket.",
            4,
            [Query('max(streamer_alerts_firing{kind="cluster", severity="warning"})')],
            warn=1,
        ),
        Panel("number", "Accounts in them", "Of all firing campaigns.", 4, [Query(_sum("streamer_campaign_accounts"))]),
        Panel(
            "number",
            "Requests served to them",
            "Since each campaign began, as far as it is known.",
            4,
            [Query(_sum("streamer_campaign_requests"))],
        ),
        Panel(
            "number",
            "Output tokens served to them",
            "Since each campaign began, as far as it is known.",
            4,
            [Query(_sum("streamer_campaign_output_tokens"))],
        ),
        Panel(
            "number",
            "Accounts limited",
            "In shadow mode nobody is slowed down: see below.",
            4,
            [Query('sum(max by (action) (streamer_limited_accounts{mode="enforce"}))')],
        ),
    ],
)

SIZE = Row(
    "What fires, and how big it is",
    [
        Panel("lines", "Campaigns", "Firing campaigns by severity.", 8, [Query(FIRING, "{{severity}}")], stacked=True),
        Panel(
            "lines",
            "Accounts",
            "Accounts in firing campaigns.",
            8,
            [Query("max by (severity) (streamer_campaign_accounts)", "{{severity}}")],
            stacked=True,
        ),
        Panel(
            "lines",
            "Loud accounts",
            "Alerts about single accounts.",
            8,
            [Query('max by (severity) (streamer_alerts_firing{kind="account"})', "{{severity}}")],
            stacked=True,
        ),
        Panel(
            "bars",
            "Accounts of the largest campaigns",
            "By rank: no name of a campaign is in the metrics; the page of any worker has them.",
            12,
            [Query("sort_desc(max by (rank) (streamer_largest_campaign_accounts))", "{{rank}}")],
        ),
        Panel(
            "bars",
            "Requests served to those served most",
            "By rank, which is another than that of accounts.",
            12,
            [Query("sort_desc(max by (rank) (streamer_largest_campaign_requests))", "{{rank}}")],
        ),
    ],
)

SERVED = Row(
    "What was served, and what is limited",
    [
        Panel(
            "lines",
            "Requests served to firing campaigns",
            "A line that still climbs is a campaign that is still served.",
            8,
            [Query("max by (severity) (streamer_campaign_requests)", "{{severity}}")],
        ),
        Panel(
            "lines",
            "Accounts with a limit, and the cap",
            "Shadow limits only say what would be limited.",
            8,
            [
                Query("max by (mode, action) (streamer_limited_accounts)", "{{mode}} {{action}}"),
                Query("max(streamer_limited_accounts_cap)", "cap"),
            ],
        ),
        Panel(
            "lines",
            "Limits set and lifted, an hour",
            "",
            8,
            [
                Query(
                    "3600 * sum by (mode, action) (rate(streamer_limits_total[$__rate_interval]))",
                    "set, {{mode}} {{action}}",
                ),
                Query("3600 * sum(rate(streamer_limits_lifted_total[$__rate_interval]))", "lifted"),
            ],
        ),
    ],
)

TOLD = Row(
    "Is anybody told",
    [
        Panel(
            "number",
            "Receivers that take nothing",
            "Alertmanager, webhook and SIEM; tried again until they do.",
            6,
            [Query("sum(max by (target) (streamer_notify_failing))")],
            alarm=1,
        ),
        Panel(
            "number",
            "Limits of the cap in use",
            "From nine tenths on an alert fires.",
            6,
            [Query("sum(max by (mode, action) (streamer_limited_accounts)) / max(streamer_limited_accounts_cap)")],
            unit="percentunit",
            warn=0.5,
            alarm=0.9,
        ),
        Panel(
            "number",
            "Detection to alert, half of them",
            "Clock minus the event time at which it became an alert, since the workers started.",
            6,
            [Query("histogram_quantile(0.5, sum by (le) (streamer_detection_latency_seconds_bucket))")],
            unit="s",
        ),
        Panel(
            "number",
            "Detection to alert, 95%",
            "The same for the slowest of twenty.",
            6,
            [Query("histogram_quantile(0.95, sum by (le) (streamer_detection_latency_seconds_bucket))")],
            unit="s",
        ),
    ],
)


def on_call() -> dashboard.Dashboard:
    """The dashboard."""
    text = "What fires, how big it is, what it was served, what is limited."
    return assemble("streamer-on-call", "streamer: on call", text, [NOW, SIZE, SERVED, TOLD], "now-24h")
