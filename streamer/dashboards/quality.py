"""How good is it: does the claimed rate of false alarms hold, what do the families contribute, what binds nobody."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from streamer.dashboards.panels import Panel, Query, Row, assemble

DISMISSED = 'sum(max by (severity) (streamer_alerts_judged{verdict="dismiss"}))'
JUDGED = "sum(max by (severity, verdict) (streamer_alerts_judged))"

BUDGET = Row(
    "False alarms: budget, claim and count",
    [
        Panel(
            "number",
            "Alerts raised this week",
            "All severities.",
            6,
            [Query("sum(max by (severity) (streamer_alerts_raised_week))")],
        ),
        Panel(
            "number",
            "False alarms the week's alerts may hold",
            "The budget of all severities together for seven days.",
            6,
            [Query("7 * max(streamer_false_alarm_budget_per_day)")],
        ),
        Panel("number", "Dismissed by a person", "Of all alerts on the topic.", 6, [Query(DISMISSED)]),
        Panel(
            "number",
            "Dismissed, of those judged",
            "No news where nobody judged.",
            6,
            [Query(f"{DISMISSED} / clamp_min({JUDGED}, 1)")],
            unit="percentunit",
        ),
        Panel(
            "bars",
            "Alerts raised this week, and what chance alone may raise",
            "The budget is what a week of honest traffic may cost; what is beyond it are campaigns, or a wrong claim.",
            12,
            [
                Query("max by (severity) (streamer_alerts_raised_week)", "{{severity}}: raised"),
                Query("7 * max by (severity) (streamer_false_alarm_budget_per_day)", "{{severity}}: budget"),
            ],
        ),
        Panel(
            "bars",
            "Calibration: alerts that claim at most so many false alarms a day",
            "On honest traffic no bar is above 7 times its own bound: hold dismissed alerts against it.",
            12,
            [Query("sort(max by (at_most) (streamer_alerts_claimed_week))", "at most {{at_most}} a day")],
        ),
    ],
)

EVIDENCE = Row(
    "Evidence",
    [
        Panel(
            "bars",
            "What each family contributes to firing campaigns",
            "Sum of minus log10 of its improbability.",
            12,
            [Query("sort_desc(max by (family) (streamer_evidence_weight))", "{{family}}")],
        ),
        Panel(
            "bars",
            "Campaigns in which a family speaks",
            "A cluster alert rests on at least two.",
            12,
            [Query("sort_desc(max by (family) (streamer_evidence_campaigns))", "{{family}}")],
        ),
        Panel(
            "lines",
            "Hubs: values too popular to bind anybody",
            "A carrier's address block, a tool's system prompt.",
            8,
            [Query("sum(streamer_link_hubs)", "hubs")],
        ),
        Panel(
            "lines",
            "Groups that are followed",
            "Values that several accounts share.",
            8,
            [Query("sum(streamer_links)", "groups")],
        ),
        Panel(
            "lines",
            "Verdicts of people",
            "",
            8,
            [Query("max by (verdict, severity) (streamer_alerts_judged)", "{{verdict}}, {{severity}}")],
        ),
    ],
)

NAMING = Row(
    "Naming",
    [
        Panel(
            "lines",
            "Accounts named, and that left again",
            "Since the workers started. Members that leave are a sign of churn.",
            12,
            [Query("sum by (status) (streamer_memberships_total)", "{{status}}")],
        ),
        Panel(
            "lines",
            "Alert records sent",
            "Since the workers started.",
            12,
            [Query("sum by (severity, status) (streamer_alerts_total)", "{{severity}}, {{status}}")],
        ),
    ],
)


def quality() -> dashboard.Dashboard:
    """The dashboard."""
    text = "Does the claimed rate of false alarms hold, what do families contribute, what binds nobody."
    return assemble("streamer-quality", "streamer: quality", text, [BUDGET, EVIDENCE, NAMING], "now-7d")
