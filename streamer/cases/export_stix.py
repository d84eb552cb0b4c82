"""A case as a STIX 2.1 bundle: the campaign, its indicators and its accounts, in a grouping.

All ids follow from what they name, so that an export done twice, or by another worker, is the same objects again.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from stix2 import v21

from streamer.cases.case import Case
from streamer.cases.indicators import Indicator, indicators_of
from streamer.cases.wording import kind_name, value_name

# Name of a space of ids of our own; it must never change.
_SPACE: Final = uuid.UUID("5b0c9a36-8c5e-4f5b-9c4e-7d7f6f0f6a11")
_EPOCH: Final = "1970-01-01T00:00:00.000Z"
EXTENSION: Final = f"extension-definition--{uuid.uuid5(_SPACE, 'extension')}"
_SCHEMA: Final = '{"type": "object", "required": ["kind", "value", "account_count"]}'
PATTERN_TYPE: Final = "x-streamer-link"


def as_stix(case: Case, *, pseudonymized: bool) -> str:
    """The bundle as JSON; the library checks every object and pattern."""
    return str(_bundle(case, pseudonymized=pseudonymized).serialize(pretty=False))


def _bundle(case: Case, *, pseudonymized: bool) -> Any:  # noqa: ANN401 - stix2 ships no types
    alert = case.alert
    about = alert.cluster_id or alert.alert_id
    created = alert.detected_at or _EPOCH
    common = {
        "created": created,
        "modified": max(alert.updated_at or created, created),
        "created_by_ref": _id("identity"),
        # What a person dismissed is taken back from whoever has it.
        "revoked": case.verdict == "dismissed",
    }
    found = indicators_of(case, pseudonymized=pseudonymized)
    campaign = _campaign(case, about, common)
    indicators = [_indicator(each, about, alert.started_at or created, common) for each in found]
    accounts = [v21.UserAccount(user_id=member.account_id) for member in case.live_members]
    relations = [_indicates(indicator, campaign, common) for indicator in indicators]
    contents = [campaign, *indicators, *relations, *accounts]
    objects = [_identity(), _extension(), *contents, _grouping(case, about, contents, common)]
    return v21.Bundle(id=_id("bundle", about, str(alert.revision)), objects=objects)


def _id(kind: str, *what: str) -> str:
    return f"{kind}--{uuid.uuid5(_SPACE, chr(0).join((kind, *what)))}"


def _identity() -> Any:  # noqa: ANN401 - stix2 ships no types
    return v21.Identity(id=_id("identity"), name="streamer", identity_class="system", created=_EPOCH, modified=_EPOCH)


def _extension() -> Any:  # noqa: ANN401 - stix2 ships no types
    return v21.ExtensionDefinition(
        id=EXTENSION,
        created_by_ref=_id("identity"),
        created=_EPOCH,
        modified=_EPOCH,
        name="A value that accounts of an LLM API share",
        description=f"On an indicator: what is shared, and by how many accounts. In patterns: {PATTERN_TYPE}.",
        schema=_SCHEMA,
        version="1.0.0",
        extension_types=["property-extension"],
    )


def _campaign(case: Case, about: str, common: Mapping[str, Any]) -> Any:  # noqa: ANN401 - stix2 ships no types
    alert = case.alert
    said = [f"{reason.family}: {reason.statement}" for reason in alert.evidence]
    first = alert.started_at or common["created"]
    return v21.Campaign(
        id=_id("campaign", about),
        name=about,
        description="\n".join([alert.summary, *said]),
        objective="extraction of a model through its API",
        first_seen=first,
        last_seen=max(alert.updated_at or first, first),
        labels=[alert.severity, alert.status, *([case.verdict] if case.verdict else [])],
        **common,
    )


def _indicator(found: Indicator, about: str, since: str, common: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as above
    return v21.Indicator(
        id=_id("indicator", about, found.kind, found.value),
        name=f"{kind_name(found.kind)}: {value_name(found.kind, found.value)}",
        description=f"{found.account_count} accounts of one campaign share it",
        indicator_types=["anomalous-activity"],
        pattern=_pattern(found),
        pattern_type="stix",
        pattern_version="2.1",
        valid_from=since,
        extensions={
            EXTENSION: {
                "extension_type": "property-extension",
                "kind": found.kind,
                "value": found.value,
                "account_count": found.account_count,
            }
        },
        **common,
    )


def _pattern(found: Indicator) -> str:
    if found.network is not None:
        version = "ipv6-addr" if ":" in found.network else "ipv4-addr"
        return f"[{version}:value ISSUBSET {_quoted(found.network)}]"
    return f"[{PATTERN_TYPE}:kind = {_quoted(found.kind)} AND {PATTERN_TYPE}:value = {_quoted(found.value)}]"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _indicates(indicator: Any, campaign: Any, common: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as above
    return v21.Relationship(
        id=_id("relationship", indicator.id, campaign.id),
        source_ref=indicator.id,
        target_ref=campaign.id,
        relationship_type="indicates",
        **common,
    )


def _grouping(case: Case, about: str, contents: Sequence[Any], common: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as above
    return v21.Grouping(
        id=_id("grouping", about),
        name=f"alert {case.alert.alert_id}, revision {case.alert.revision}",
        context="suspicious-activity",
        object_refs=[each.id for each in contents],
        **common,
    )
