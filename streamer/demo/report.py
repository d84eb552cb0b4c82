"""The end of a demonstration: what was found, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.markup import escape

from streamer.evaluation import CampaignResult, Evaluation

SHOWN_HONEST = 5


def conclusion(evaluation: Evaluation, alerts: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Line by line: each campaign, then who was named. `alerts` has the latest revision of each alert by its id."""
    for campaign in evaluation.campaigns:
        yield ""
        yield from _campaign(campaign, alerts)
    yield ""
    named = sum(campaign.named for campaign in evaluation.campaigns)
    there = sum(campaign.accounts for campaign in evaluation.campaigns)
    precision = "-" if evaluation.precision is None else f"{evaluation.precision:.1%}"
    yield f"Accounts named: {evaluation.named:,}. Recall {named / max(there, 1):.1%}, precision {precision}."
    honest = evaluation.honest.named_accounts
    if not honest:
        yield "Honest accounts named: none."
        return
    classes = ", ".join(f"{count} {name}" for name, count in evaluation.honest.named.items())
    some = ", ".join(list(honest)[:SHOWN_HONEST])
    yield f"Honest accounts named: {sum(evaluation.honest.named.values())} ({escape(classes)}), such as {escape(some)}."


def _campaign(campaign: CampaignResult, alerts: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    name = escape(campaign.name)
    if campaign.alert_id is None:
        yield f"[red]Campaign {name} was not found[/] ({campaign.accounts:,} accounts)."
        return
    alert = alerts[campaign.alert_id]
    yield (
        f"[green]Campaign {name} found[/]: {campaign.severity} cluster alert {escape(campaign.alert_id)}, "
        f"{campaign.named:,} of its {campaign.accounts:,} accounts named."
    )
    yield f"  {escape(str(alert['summary']))}"
    for item in alert["evidence"]:
        yield f"  because {escape(str(item['family']))}: {escape(str(item['statement']))}"
    if campaign.hours_to_detection is not None and campaign.share_served_before is not None:
        yield (
            f"  {campaign.hours_to_detection:.2f} h of event time after its first request; "
            f"{campaign.share_served_before:.1%} of its volume was served before."
        )
    rate = alert["false_alarm_rate"]
    yield f"  Limits proposed: {alert['limits_proposed']:,}. Claimed rate of false alarms: {rate:.2g} a day."
