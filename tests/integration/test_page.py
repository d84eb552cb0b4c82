"""An alert arrives on a worker's page, a person decides in a real browser, and what they said is on the topics."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from streamer.cases.records import MemberRecord
from tests.cases.made_up import ALERT_ID, CLUSTER_ID, alert, evidence, limit
from tests.cli.conftest import Run, run
from tests.cli.test_live import Configured, configured, started, wait_until_ready
from tests.kafka_fixture import KafkaCluster
from tests.patience import PATIENCE_S, until
from tests.web.browser import opened_browser

__all__ = ["configured", "run"]

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
TOKEN = "sixteen bytes or more"


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310 - our own worker
        text: str = answer.read().decode()
    return text


def produce(servers: str, configured: Configured) -> None:
    producer = KafkaProducer(bootstrap_servers=servers)
    try:
        for topic, key, record in (
            ("alerts", ALERT_ID, alert(evidence=evidence(2), account_count=2)),
            ("members", "acct_1", MemberRecord("acct_1", CLUSTER_ID, since="2026-03-04T11:00:00.000Z")),
            ("members", "acct_2", MemberRecord("acct_2", CLUSTER_ID, since="2026-03-04T11:00:00.000Z")),
            ("limits", "acct_2", limit("acct_2")),
        ):
            value = msgspec.json.encode(record)
            producer.send(configured.topics[topic], key=key.encode(), value=value).get(timeout=PATIENCE_S)
    finally:
        producer.close()


def last(servers: str, topic: str, count: int) -> list[tuple[bytes | None, bytes | None]]:
    consumer = KafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False)
    try:
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        consumer.seek_to_beginning()
        found: list[tuple[bytes | None, bytes | None]] = []

        def enough() -> bool:
            found.extend((each.key, each.value) for some in consumer.poll(200).values() for each in some)
            return len(found) >= count

        until(enough, f"{count} records of {topic}")
        return found[-count:]
    finally:
        consumer.close()


def test_a_person_decides_on_the_page_of_a_worker(
    run: Run, configured: Configured, kafka: KafkaCluster, tmp_path: Path
) -> None:
    config, page = str(configured.path), f"http://127.0.0.1:{configured.port}"
    case = f"{page}/alerts/{quote(ALERT_ID)}"
    assert run("topics", "--config", config).returncode == 0
    with (
        opened_browser(tmp_path / "profile") as browser,
        started("run", "--config", config, STREAMER_WEB_TOKEN=TOKEN) as worker,
    ):
        wait_until_ready(worker, configured.port)
        until(lambda: "Nothing fires." in fetched(page), "that nothing fires")
        produce(kafka.servers, configured)
        until(lambda: ALERT_ID in (shown := fetched(page)) and "1 limit in force" in shown, "alert and limit are shown")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{case}/lift", data=b"form_token=0", timeout=PATIENCE_S)  # noqa: S310 - our own worker

        def shown() -> str:
            return str(browser.execute_script("return document.body ? document.body.innerText : ''"))

        browser.get(f"{page}/login?next=/alerts/{ALERT_ID}")
        browser.find_element(By.NAME, "name").send_keys("Kim")
        browser.find_element(By.NAME, "token").send_keys(TOKEN + Keys.ENTER)
        until(lambda: "rates scatter by a factor of 1.06" in shown(), "the alert")
        browser.find_element(By.NAME, "reason").send_keys("a class")
        browser.find_element(By.CSS_SELECTOR, "button[formaction$=dismiss]").click()
        until(lambda: "Dismissed. What you said is written down" in shown(), "that it was said")
        browser.find_element(By.CSS_SELECTOR, "button[formaction$=lift]").click()
        until(lambda: "the limits of 1 account no longer hold" in shown(), "that it was lifted")

        said = [json.loads(value or b"") for _, value in last(kafka.servers, configured.topics["feedback"], 2)]
        assert [(each["action"], each["author"], each["alert_id"]) for each in said] == [
            ("dismiss", "Kim", ALERT_ID),
            ("lift", "Kim", ALERT_ID),
        ]
        assert said[0]["reason"] == "a class"
        assert last(kafka.servers, configured.topics["limits"], 2)[1] == (b"acct_2", None)

    told = run("explain", "acct_2", "--config", config, "--json")
    assert told.returncode == 0, told.stderr
    (explained,) = json.loads(told.stdout)["cases"]
    assert (explained["verdict"], explained["members"]) == ("dismissed", 2)
    confirmed = run("feedback", ALERT_ID, "--confirm", "--author", "Lee", "--config", config)
    assert confirmed.returncode == 0, confirmed.stderr
    exported = run("export", CLUSTER_ID, "--format", "csv", "--config", config)
    assert "member,account,acct_2" in exported.stdout
    told = run("explain", ALERT_ID, "--config", config, "--json")
    assert json.loads(told.stdout)["cases"][0]["verdict"] == "confirmed"
    unknown = run("feedback", "a-nobody", "--confirm", "--config", config)
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr == (
        "a-nobody: no alert of that name; 1 alert is known; take an id from an alert record or from the page\n"
    )
