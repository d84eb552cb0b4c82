"""Every revision reaches the webhook and the file in order, signed, once a receiver is there to take it."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from py_ocsf_models.events.findings.detection_finding import DetectionFinding
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from streamer.config import AlertmanagerConfig, SiemConfig, StreamerConfig, WebhookConfig, load_config
from streamer.notify.changes import Changes
from streamer.notify.ocsf import finding
from streamer.notify.records import AlertRecord, read
from streamer.notify.webhook import FindingFile, WebhookSender
from streamer.probes import notifying
from streamer.wiring.settings import wall_clock_ms
from tests.notify.bench import Running, Topics
from tests.notify.programs import Inbox
from tests.notify.records import HOUR_MS, NOON_MS, account_alert, alert, value
from tests.patience import PATIENCE_S, until

if TYPE_CHECKING:
    from pathlib import Path

    from streamer.detection.records import Alert
    from tests.kafka_fixture import KafkaCluster

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def understood(record: Alert) -> AlertRecord:
    found = read(value(record), AlertRecord)
    assert found is not None
    return found


def sent(inbox: Inbox, record: Alert, body_format: Any = "alert") -> str:
    sender = WebhookSender(inbox.url, SECRET, body_format, 5.0, wall_clock_ms)
    return asyncio.run(sender(value(record), understood(record)))


@pytest.mark.kafka
def test_a_receiver_that_was_away_gets_everything_in_order_and_nothing_again(
    kafka: KafkaCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNING_SECRET", SECRET)
    file = tmp_path / "findings.jsonl"
    with Inbox() as inbox:
        topics = Topics(kafka, webhook=WebhookConfig(url=inbox.url), siem=SiemConfig(file=str(file)))
        inbox.answer = 503
        topics.write(alert("a-1"), alert("a-1", 2), alert("a-1", 3, status="resolved"))
        with Running(topics.config) as notifier:
            until(lambda: notifier.value("streamer_notify_failing", target="webhook"), "the loss is noticed")
            inbox.answer = 200
            posts = [inbox.posts.get(timeout=PATIENCE_S) for _ in range(3)]
            until(lambda: notifier.taken("webhook") == notifier.taken("siem") == 3, "all is noted")
            assert notifier.value("streamer_notify_failing", target="webhook") == 0
        with Running(topics.config):
            topics.write(account_alert("ada"))
            posts.append(inbox.posts.get(timeout=PATIENCE_S))
            until(lambda: file.read_bytes().count(b"\n") == 4, "the file has everything")
        topics.close()
        assert inbox.rest(0.2) == []
    ids = [headers["webhook-id"].split(".") for headers, _ in posts]
    assert [(name, number) for name, _, number in ids] == [("a-1", "1"), ("a-1", "2"), ("a-1", "3"), ("a-ada", "1")]
    bodies = [Webhook(SECRET).verify(body, headers) for headers, body in posts]
    assert [body["type"] for body in bodies] == ["alert.created", "alert.updated", "alert.resolved", "alert.created"]
    assert bodies[0]["data"] == json.loads(value(alert("a-1")))
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line["type_uid"] for line in lines] == [200401, 200402, 200403, 200401]


def test_what_was_changed_on_the_way_does_not_verify() -> None:
    with Inbox() as inbox:
        assert sent(inbox, alert("a-1")) == "ok"
        headers, body = inbox.posts.get(timeout=PATIENCE_S)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace(b"800", b"801"), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, {**headers, "webhook-id": "a-2.1"})


@pytest.mark.parametrize(
    "status, outcome", [(200, "ok"), (204, "ok"), (400, "refused"), (413, "refused"), (401, "failed"), (429, "failed")]
)
def test_what_a_receiver_will_never_take_does_not_hold_up_the_rest(status: int, outcome: str) -> None:
    with Inbox() as inbox:
        inbox.answer = status
        assert sent(inbox, alert("a-1")) == outcome


def test_nobody_there_and_no_place_for_the_file_are_waited_for(tmp_path: Path) -> None:
    with Inbox() as inbox:
        pass
    assert sent(inbox, alert("a-1")) == "failed"
    sink = FindingFile(tmp_path / "missing" / "findings.jsonl")
    assert asyncio.run(sink(b"", understood(alert("a-1")))) == "failed"


@pytest.mark.parametrize(
    "record, type_uid, severity, status",
    [
        (alert("a-1"), 200401, 5, 1),
        (alert("a-1", 2, severity="warning"), 200402, 3, 2),
        (alert("a-1", 3, status="resolved"), 200403, 5, 4),
        (account_alert("ada", severity="info"), 200401, 1, 1),
    ],
)
def test_a_finding_is_one_to_ocsf(record: Alert, type_uid: int, severity: int, status: int) -> None:
    made = finding(understood(record), Changes().of(understood(record)))
    model = DetectionFinding(**made)
    assert (model.type_uid.value, model.severity_id.value, model.class_uid) == (type_uid, severity, 2004)
    assert made["status_id"] == status
    assert made["finding_info"]["uid"] == record.alert_id
    # What the schema does not know would be dropped without a word.
    assert set(made) <= set(DetectionFinding.model_fields)
    for part in ("metadata", "finding_info"):
        assert set(made[part]) <= set(type(getattr(model, part)).model_fields)
    assert model.evidences is not None
    assert len(model.evidences) == len(record.evidence)


def test_a_finding_can_be_the_body_of_the_webhook() -> None:
    with Inbox() as inbox:
        assert sent(inbox, alert("a-1"), "ocsf") == "ok"
        assert inbox.next() == json.loads(msgspec.json.encode(finding(understood(alert("a-1")), "created")))


def test_what_is_wrong_with_telling_is_named_before_anything_starts() -> None:
    hook = WebhookConfig(url="https://siem.example/in")
    sending = AlertmanagerConfig(urls=("http://am:9093",), resend_interval_s=60, ends_after_s=90, token_env="TOKEN")
    config = StreamerConfig(webhook=hook, alertmanager=sending)
    wrong = [str(problem) for problem in notifying(config, {"SIGNING_SECRET": "short"})]
    assert wrong[0].startswith("alertmanager.ends_after_s: found 90, so one lost call would end every alert")
    assert wrong[1].startswith("environment variable TOKEN (alertmanager.token_env): the variable is not set")
    assert wrong[2].startswith("environment variable SIGNING_SECRET (webhook.secret_env): the variable holds no secret")
    assert list(notifying(StreamerConfig(webhook=hook), {"SIGNING_SECRET": SECRET})) == []
    assert list(notifying(StreamerConfig(), {})) == []


def test_the_variable_of_a_secret_is_no_key_of_the_configuration() -> None:
    names = {"STREAMER_WEBHOOK__SECRET_ENV": "STREAMER_WEBHOOK_SECRET", "STREAMER_WEBHOOK_SECRET": SECRET}
    token = {"STREAMER_ALERTMANAGER__TOKEN_ENV": "STREAMER_ALERTMANAGER_TOKEN", "STREAMER_ALERTMANAGER_TOKEN": "t"}
    assert load_config(None, names | token).webhook.secret_env == "STREAMER_WEBHOOK_SECRET"


def test_an_alert_that_comes_back_is_created_once_more() -> None:
    """Also when an account's is told early, and again when its window closes."""
    changes = Changes()
    back_ms = NOON_MS + 30 * HOUR_MS
    back = {"detected_at": back_ms, "updated_at": back_ms}
    story = [
        (alert("a-1"), "created"),
        (alert("a-1"), "created"),  # it is tried again
        (alert("a-1", 2), "updated"),
        (alert("a-1", 3, status="resolved"), "resolved"),
        (alert("a-1", 4, **back), "created"),
        (alert("a-1", 5, **back), "updated"),
        (alert("a-1", 4, **back), "created"),
        (alert("a-1", 6, **{**back, "updated_at": back_ms + HOUR_MS}), "updated"),
        (account_alert("ada"), "created"),
    ]
    assert [changes.of(understood(record)) for record, _ in story] == [expected for _, expected in story]
    # Whoever takes over in between knows nothing of what was.
    assert Changes().of(understood(alert("a-1", 4, **back))) == "created"
    assert Changes().of(understood(alert("a-1", 2))) == "updated"


def test_the_webhook_says_that_it_is_created_once_more() -> None:
    back_ms = NOON_MS + 30 * HOUR_MS
    with Inbox() as inbox:
        for record in (alert("a-1", 3, status="resolved"), alert("a-1", 4, detected_at=back_ms, updated_at=back_ms)):
            assert sent(inbox, record) == "ok"
        assert [inbox.next()["type"] for _ in range(2)] == ["alert.resolved", "alert.created"]
