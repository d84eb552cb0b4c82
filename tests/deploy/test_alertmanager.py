"""The configuration of Alertmanager that is shipped: sound, complete, and its texts can be read."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from streamer.notify.notices import Notices, Wording, calls
from streamer.notify.records import AlertRecord, read
from streamer.notify.situation import Situation
from tests.notify.programs import need
from tests.notify.records import NOON_MS, alert, value

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = re.compile(r'template "(streamer\.\w+)"')


@pytest.fixture(scope="module")
def shipped(root: Path) -> Path:
    return root / "deploy" / "alertmanager"


def notification() -> dict[str, Any]:
    """What a template is given when a campaign fires."""
    situation = Situation()
    notices = Notices(situation, Wording({}, page_url="https://page/{alert_id}"))
    record = read(value(alert("a-1", summary="18 accounts <act> as one")), AlertRecord)
    assert record is not None
    notices.update(situation.alert(record, NOON_MS), NOON_MS)
    ((body,),) = calls(notices.firing(), [], NOON_MS, 60_000)
    body["status"] = "firing"
    return {
        "receiver": "page",
        "status": "firing",
        "alerts": [body],
        "groupLabels": {name: body["labels"][name] for name in ("alertname", "cluster_id")},
        "commonLabels": body["labels"],
        "commonAnnotations": body["annotations"],
        "externalURL": "http://alertmanager",
    }


def render(shipped: Path, directory: Path, name: str, kind: str = "text") -> str:
    data = directory / "data.json"
    data.write_text(json.dumps(notification()), encoding="utf-8")
    command = [need("amtool"), "template", "render", f"--template.glob={shipped / 'templates' / '*.tmpl'}"]
    text = f'--template.text={{{{ template "{name}" . }}}}'
    command += [text, f"--template.type={kind}", f"--template.data={data}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_sound(shipped: Path) -> None:
    command = [need("amtool"), "check-config", str(shipped / "alertmanager.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_template_that_is_used_says_something(shipped: Path, tmp_path: Path) -> None:
    used = set(TEMPLATE.findall((shipped / "alertmanager.yml").read_text(encoding="utf-8")))
    assert len(used) >= 8
    assert [name for name in used if not render(shipped, tmp_path, name).strip()] == []


def test_a_tired_person_reads_what_counts(shipped: Path, tmp_path: Path) -> None:
    title = render(shipped, tmp_path, "streamer.title").strip()
    assert title == "[FIRING:1] critical StreamerCampaign c-1: 9 accounts"
    slack = render(shipped, tmp_path, "streamer.slack")
    for said in ("18 accounts", "evenness: used alike", "800", "3e-07 a day", "runbooks/campaign.md"):
        assert said in slack
    assert "<act>" in render(shipped, tmp_path, "streamer.text")
    mail = render(shipped, tmp_path, "streamer.mail", "html")
    assert "&lt;act&gt;" in mail
    assert "<act>" not in mail


def test_severities_go_where_they_should_and_campaigns_silence_their_accounts(shipped: Path) -> None:
    config = str(shipped / "alertmanager.yml")

    def receiver(*labels: str) -> str:
        command = [need("amtool"), "config", "routes", "test", f"--config.file={config}", *labels]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert [receiver(f"severity={name}") for name in ("critical", "warning", "info")] == ["page", "ticket", "record"]
    document = yaml.safe_load((shipped / "alertmanager.yml").read_text(encoding="utf-8"))
    receivers = {each["name"]: each for each in document["receivers"]}
    assert "pagerduty_configs" in receivers["page"]
    assert "pagerduty_configs" not in receivers["ticket"]
    assert document["inhibit_rules"][0]["equal"] == ["cluster_id"]
    assert document["route"]["group_by"] == ["alertname", "cluster_id"]
