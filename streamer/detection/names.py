"""The names that settings may give: kinds of links, families of evidence, severities from the least on."""

from __future__ import annotations

TEMPLATE = "template"
KINDS = (
    "payment",
    "address_block",
    "device",
    "client_stack",
    "system_prompt",
    TEMPLATE,
    "signup_cohort",
    "network",
    "mail_domain",
    "tools",
)
FAMILIES = (
    "evenness",
    "hand_off",
    "failover",
    "rhythm",
    "volume",
    "output",
    "newness",
    "no_follow_up",
    "many_languages",
    "joint_pivot",
    "template_coincidence",
    "synchrony",
    "displaced_volume",
    "capabilities",
    "crowded_cell",
)
SEVERITIES = ("info", "warning", "critical")
