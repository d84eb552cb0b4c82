"""The verbs that people use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from streamer.sources.privacy import Pseudonymizer
from tests.limits.stand import Stand, alert_record, limit
from tests.patience import until

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow
KEY = "a secret of this test, long enough"


def program(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("streamer")), "limits", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


@pytest.mark.parametrize("arguments", [[], ["a", "--alert", "b"]])
def test_lift_wants_an_account_or_an_alert(arguments: list[str]) -> None:
    done = program("lift", *arguments)
    assert done.returncode == 2
    assert done.stderr == "streamer limits lift: neither or both of ACCOUNT and --alert; name one of them\n"


def test_every_verb_has_an_example() -> None:
    for verb in ("serve", "list", "lift", "stop", "start"):
        assert f"Example: streamer limits {verb}" in program(verb, "--help", COLUMNS="100").stdout


def test_serve_wants_the_key_it_needs() -> None:
    wanted = {"STREAMER_LIMITS__LITELLM__URL": "http://localhost:1", "LITELLM_MASTER_KEY": ""}
    done = program("serve", **wanted)
    assert done.returncode == 2
    assert "environment variable LITELLM_MASTER_KEY (limits.litellm.key_env): the variable is not set" in done.stderr


def test_check_says_what_limits_cannot_be_delivered_to() -> None:
    wanted = {"STREAMER_LIMITS__LITELLM__URL": "http://localhost:1", "LITELLM_MASTER_KEY": "x"}
    command = [str(Path(sys.executable).with_name("streamer")), "check"]
    environment = {**os.environ, **wanted, "STREAMER_LIMITS__REDIS__URL": "redis://localhost:1/0"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 2
    assert "limits.litellm: LiteLLM does not answer" in done.stderr
    assert "limits.redis: Redis does not take limits" in done.stderr


@pytest.mark.kafka
def test_nothing_is_served_from_topics_that_are_not_there(make_stand: Callable[..., Stand]) -> None:
    stand = make_stand()
    missing = {"STREAMER_KAFKA__TOPICS__AUDIT": "nobody.made.this"}
    done = program("serve", "--config", str(stand.config), **missing)
    assert done.returncode == 1
    assert done.stderr.startswith("topics: nobody.made.this: not there; run `streamer topics`")


@pytest.mark.kafka
def test_a_customer_is_freed_by_his_own_name_where_pseudonyms_are_in_use(make_stand: Callable[..., Stand]) -> None:
    environment = {"STREAMER_PRIVACY__PSEUDONYMIZE": "true", "STREAMER_PSEUDONYM_KEY": KEY}
    stand = make_stand()
    with stand.serving(**environment):
        stand.send(limit(Pseudonymizer(KEY.encode()).identifier("account_id", "customer")), alert=alert_record())
        stand.exhausted("customer")
        assert stand.metrics()['streamer_limits_in_force{action="throttle",mode="enforce"}'] == 1
        done = program("lift", "customer", "--real", "--config", str(stand.config), **environment)
        assert done.returncode == 0, done.stderr
        until(lambda: stand.decide("customer").headers.get("x-streamer-outcome") == "allowed", "the customer is free")


@pytest.mark.kafka
def test_what_is_not_there_to_be_lifted_is_said(make_stand: Callable[..., Stand]) -> None:
    stand = make_stand()
    stand.send(limit("a"), alert=alert_record())
    done = program("lift", "--alert", "nosuch", "--config", str(stand.config))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("--alert nosuch: no alert of that id; nothing was lifted; take ")
    assert stand.call("lift", "--alert", "a-1")["accounts"] == 1
    # An account may be kept free before anything limits it; a name that was mistyped should be noticed.
    early = program("lift", "nobody", "--config", str(stand.config))
    assert early.returncode == 0
    assert early.stderr.startswith("warning: nobody: no limit of it was in force or proposed")
    stand.send(limit("b"))
    known = program("lift", "b", "--config", str(stand.config))
    assert (known.returncode, known.stderr) == (0, "")
