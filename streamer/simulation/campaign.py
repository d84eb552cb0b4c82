"""Accounts of a campaign, what they ask for, and who is near them by accident."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from streamer.simulation.identity import DAY_MS, Membership, found_accounts
from streamer.simulation.traits import Content, Identity

if TYPE_CHECKING:
    from streamer.simulation.identity import Accounts
    from streamer.simulation.plan import Campaign
    from streamer.simulation.randomness import Integers
    from streamer.simulation.surroundings import Surroundings


def found_campaign(campaign: Campaign, salt: int, surroundings: Surroundings) -> Accounts:
    """Set up a campaign's accounts."""
    rng = np.random.default_rng([salt, 1])
    count = campaign.accounts

    def groups(size: int) -> Integers:
        return rng.permutation(count) // size

    shared = {
        "payment": groups(campaign.accounts_per_payment),
        "device": groups(campaign.accounts_per_device),
        "address": groups(campaign.accounts_per_address),
    }
    # An address lies in one operator's space, so who shares one shares the operator.
    shared["network"] = shared["address"]
    if campaign.accounts_per_mail_domain > 1:
        shared["mail"] = groups(campaign.accounts_per_mail_domain)
    lone = campaign.accounts_per_address == 1
    identity = Identity(
        stacks={str(kind): weight for kind, weight in campaign.stacks.items()},
        networks={str(kind): weight for kind, weight in campaign.networks.items()},
        plans={"subscription": 0.5, "payg": 0.5},
        address="own" if lone else campaign.address_sharing,
        lease_days=campaign.lease_days,
        roaming=lone,
        second_place=campaign.second_place,
        disposable_mail=campaign.disposable_mail,
        signup_spread_days=campaign.signup_spread_days,
        signup_lead_days=max(campaign.signup_lead_days, 0.01),
    )
    begins = np.full(count, surroundings.start_ms + int(campaign.start_day * DAY_MS))
    ends = np.minimum(begins + int(campaign.days * DAY_MS), surroundings.end_ms)
    members = Membership(salt, np.zeros(count, dtype=np.int64), shared)
    return found_accounts(identity, members, begins, ends, (surroundings.start_ms, surroundings.end_ms))


def found_bystanders(accounts: Accounts, strangers: Accounts) -> Accounts:
    """Give honest accounts one thing of the campaign's each: by turns an address block and a card."""
    at = np.arange(len(strangers))
    whose = at % len(accounts)
    neighbour = at % 2 == 0
    network, block, payment = strangers.network.copy(), strangers.block.copy(), strangers.payment.copy()
    network[neighbour, 0] = accounts.network[whose[neighbour], 0]
    block[neighbour, 0] = accounts.block[whose[neighbour], 0]
    payment[~neighbour] = accounts.payment[whose[~neighbour]]
    roaming = np.where(neighbour, accounts.roaming[whose], strangers.roaming)
    lease_ms = np.where(neighbour, accounts.lease_ms[whose], strangers.lease_ms)
    return replace(strangers, network=network, block=block, payment=payment, roaming=roaming, lease_ms=lease_ms)


def content_of(campaign: Campaign) -> Content:
    """What the work list holds."""
    system = {
        "none": {"none": 1.0},
        "own": {"own": 1.0},
        "tool": {"tool": 1.0},
        "campaign": {"group": 1.0},
        "mixed": {"web": 0.6, "own": 0.2, "none": 0.2},
    }[campaign.system]
    return Content(
        turns_mu=campaign.turns_mu,
        turns_sigma=campaign.turns_sigma,
        pause_mu=campaign.pause_mu,
        pause_sigma=campaign.pause_sigma,
        lengths={str(kind): weight for kind, weight in campaign.lengths.items()},
        output_shift=campaign.output_shift,
        capabilities=tuple(campaign.capabilities),
        focus=campaign.focus,
        models=tuple(campaign.models),
        adoption_days=campaign.adoption_days,
        template_ratio=campaign.template_ratio,
        templates=campaign.templates,
        template_flips=campaign.template_flips,
        shared_templates=True,
        common_ratio=campaign.common_ratio,
        repeat_ratio=campaign.repeat_ratio,
        retry_flips=campaign.retry_flips,
        warm_ratio=campaign.warm_ratio,
        system=system,
        max_tokens=dict(campaign.max_tokens),
        streaming=campaign.streaming,
        languages=tuple(campaign.languages),
        limited_ratio=campaign.limited_ratio,
        retries=3,
        retry_s=campaign.failover_s,
        session_follows=campaign.session_follows,
    )
