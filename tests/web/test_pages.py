"""What the pages say, and what their buttons do, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from streamer.cases.records import AlertRecord, MemberRecord, Reason, SharedLink
from streamer.web.access import COOKIE
from tests.cases import made_up
from tests.cases.made_up import ALERT_ID, BEGAN, CLUSTER_ID, alert, limit, said
from tests.web.site import TOKEN, Site

PATH = f"/alerts/{ALERT_ID}"
EVIL = "<script>alert(1)</script>\"'&"


class Visit:
    """A visitor with a cookie jar."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def get(self, path: str) -> tuple[int, str, Any]:
        async with self.session.get(self.url + path) as answer:
            return answer.status, await answer.text(), answer.headers

    async def post(self, path: str, **form: str) -> tuple[int, str, Any]:
        async with self.session.post(self.url + path, data=form, allow_redirects=False) as answer:
            return answer.status, await answer.text(), answer.headers

    async def login(self, token: str = TOKEN, **form: str) -> int:
        return (await self.post("/login", **{"token": token, "name": "Kim", "next": "/", **form}))[0]

    async def form_token(self, path: str = PATH) -> str:
        found = re.search(r'name="form_token" value="([0-9a-f]+)"', (await self.get(path))[1])
        assert found is not None
        return found[1]

    async def press(self, action: str, **form: str) -> tuple[int, str, Any]:
        return await self.post(f"{PATH}/{action}", form_token=await self.form_token(), **form)


def visit(site: Site, what: Callable[[Visit], Awaitable[None]]) -> None:
    async def run() -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        async with site.served() as url, aiohttp.ClientSession(cookie_jar=jar) as session:
            await what(Visit(session, url))

    asyncio.run(run())


@pytest.fixture
def site() -> Site:
    site = Site()
    made_up.campaign(site.store, 120, hours=10)
    return site


def test_alerts_now_and_lately() -> None:
    site = Site()
    site.store.alert(alert("a-1", severity="info", summary="first"))
    site.store.alert(alert("a-2", summary="second"))
    site.store.alert(alert("a-3", status="resolved", summary="third"))
    site.store.alert(alert("a-4", summary="fourth"))
    site.store.feedback(said("dismiss", alert_id="a-4"))

    async def look(visitor: Visit) -> None:
        status, text, headers = await visitor.get("/")
        assert status == 200
        places = [text.index(part) for part in ("Now", "second", "first", "Lately", "fourth", "third")]
        assert places == sorted(places)
        assert "dismissed" in text
        assert "1,234" in text
        assert "my &lt;streamer&gt;" in text
        assert headers["Cache-Control"] == "no-store"
        assert "http-equiv" not in text
        assert 'http-equiv="refresh" content="5"' in (await visitor.get("/?refresh=5"))[1]
        assert "http-equiv" not in (await visitor.get("/?refresh=0"))[1]

    visit(site, look)


def test_what_was_dismissed_and_is_raised_again_waits_for_somebody() -> None:
    site, day_ms = Site(), 86_400_000
    at_ms = round(BEGAN.timestamp() * 1000)
    for number, (status, after_ms) in enumerate((("firing", 0), ("resolved", day_ms), ("firing", 9 * day_ms)), 1):
        site.store.alert(alert("a-1", number, status=status, summary="told again"), at_ms + after_ms)
    site.store.alert(alert("a-2", status="resolved", summary="another"))
    site.store.feedback(said("dismiss", alert_id="a-1"))

    async def look(visitor: Visit) -> None:
        _, text, _ = await visitor.get("/")
        places = [text.index(part) for part in ("Now", "told again", "Lately", "another")]
        assert places == sorted(places)
        assert "dismissed" not in text

    visit(site, look)


def test_a_campaign_with_everything(site: Site) -> None:
    async def look(visitor: Visit) -> None:
        status, text, headers = await visitor.get(PATH)
        assert status == 200
        for part in (
            "120 accounts that share one prompt template",
            "rates scatter by a factor of 1.06",
            "1e-72",
            "once in 9 years",
            "requests</text>",
            "accounts at work",
            "prompt template",
            "smaller ones",
            "120 accounts, page 1 of 3",
            "throttle, shadow",
            "6 known here",
        ):
            assert part in text, part
        assert "script-src" not in headers["Content-Security-Policy"]
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        for word in ("<script", " style=", "javascript:", " onclick", "http://", "https://", "//cdn"):
            assert word not in text, word

    visit(site, look)


def test_an_alert_that_tells_little_has_a_page_too() -> None:
    site = Site()
    site.store.alert(AlertRecord("a/1?x"))

    async def look(visitor: Visit) -> None:
        assert "/alerts/a%2F1%3Fx" in (await visitor.get("/"))[1]
        status, text, _ = await visitor.get("/alerts/a%2F1%3Fx")
        assert status == 200
        assert "The records tell no times" in text
        assert "do not say what binds" in text

    visit(site, look)


def test_what_others_wrote_is_escaped_everywhere() -> None:
    site = Site()
    site.store.alert(
        alert(
            summary=EVIL,
            evidence=(Reason(EVIL, EVIL),),
            links=(SharedLink(EVIL, EVIL, 3),),
            models=(EVIL,),
            runbook="javascript:" + EVIL,
            status=EVIL,
            severity=EVIL,
            accounts=(EVIL,),
        )
    )
    site.store.member(MemberRecord("m", CLUSTER_ID, links=(f"device:{EVIL}",), since=EVIL, status=EVIL))
    site.store.limit(limit("m", mode=EVIL))
    site.store.feedback(said("confirm", author=EVIL, reason=EVIL, created_at=EVIL))

    async def look(visitor: Visit) -> None:
        await visitor.login(name=EVIL)
        for path in ("/", PATH, f"{PATH}?q={EVIL}&show={EVIL}&sort={EVIL}&page={EVIL}", f"/login?next=/{EVIL}"):
            status, text, _ = await visitor.get(path)
            assert status == 200
            assert "<script" not in text
            assert 'href="javascript' not in text

    visit(site, look)


def test_without_a_token_one_can_only_read(site: Site) -> None:
    async def look(visitor: Visit) -> None:
        text = (await visitor.get(PATH))[1]
        assert "formaction" not in text
        assert "Log in" in text
        for action in ("confirm", "dismiss", "limit", "block", "lift"):
            assert (await visitor.post(f"{PATH}/{action}"))[0] == 403
            assert (await visitor.post(f"{PATH}/{action}", form_token="0" * 64))[0] == 403
        assert await visitor.login("wrong") == 403

    visit(site, look)
    assert site.sent == []


def test_where_no_token_is_set_nobody_can_log_in() -> None:
    site = Site(token="")
    site.store.alert(alert())

    async def look(visitor: Visit) -> None:
        assert "no token is set" in (await visitor.get(PATH))[1]
        assert await visitor.login("") == 403
        assert (await visitor.post(f"{PATH}/confirm"))[0] == 403

    visit(site, look)


def test_the_cookie_is_for_us_alone(site: Site) -> None:
    async def look(visitor: Visit) -> None:
        status, _, headers = await visitor.post("/login", token=TOKEN, name="Kim", next=PATH)
        assert (status, headers["Location"]) == (303, PATH)
        cookie = headers["Set-Cookie"]
        assert cookie.startswith(f"{COOKIE}=")
        assert TOKEN not in cookie
        for part in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"):
            assert part in cookie
        assert "Secure" not in cookie
        for path in ("//evil.example", "/\\evil.example", "https://evil.example", "", "/\r\nX: y"):
            assert (await visitor.post("/login", token=TOKEN, next=path))[2]["Location"] == "/"

    visit(site, look)


def test_a_form_of_somebody_else_does_nothing(site: Site) -> None:
    async def look(visitor: Visit) -> None:
        assert await visitor.login() == 303
        assert (await visitor.post(f"{PATH}/dismiss"))[0] == 403
        assert (await visitor.post(f"{PATH}/dismiss", form_token="f" * 64))[0] == 403
        assert (await visitor.press("dismiss"))[0] == 303
        before = await visitor.form_token()
        await visitor.post("/logout", form_token=before)
        assert (await visitor.post(f"{PATH}/dismiss", form_token=before))[0] == 403

    visit(site, look)
    assert len(site.sent) == 1


@pytest.mark.parametrize("action,said_there", [("confirm", "Confirmed."), ("dismiss", "Dismissed.")])
def test_a_verdict_is_sent_and_shown(site: Site, action: str, said_there: str) -> None:
    async def look(visitor: Visit) -> None:
        await visitor.login()
        status, _, headers = await visitor.press(action, reason=" because ")
        assert status == 303
        text = (await visitor.get(headers["Location"]))[1]
        assert said_there in text
        assert "because" in text
        assert f'class="pill {action.rstrip("e")}' in text

    visit(site, look)
    (message,) = site.sent
    assert (message.topic, message.key) == ("feedback", ALERT_ID.encode())
    assert json.loads(message.value or b"") == {
        "feedback_id": "id-1",
        "action": action,
        "author": "Kim",
        "created_at": "2026-10-26T07:33:20.007Z",
        "alert_id": ALERT_ID,
        "account_id": None,
        "reason": "because",
    }


def test_to_lift_writes_a_tombstone_for_every_limit_at_once(site: Site) -> None:
    case = site.store.case(ALERT_ID)
    assert case is not None
    limited = {state.limit.account_id for state in case.holding}

    async def look(visitor: Visit) -> None:
        await visitor.login()
        headers = (await visitor.press("lift"))[2]
        text = (await visitor.get(headers["Location"]))[1]
        assert f"the limits of {len(limited)} accounts no longer hold" in text
        assert "throttle, lifted" in text
        assert "Lift 0 limits" in text

    visit(site, look)
    feedback, *tombstones = site.sent
    assert json.loads(feedback.value or b"")["action"] == "lift"
    assert {(message.topic, message.value) for message in tombstones} == {("limits", None)}
    assert {message.key.decode() for message in tombstones} == limited


def test_one_account_can_be_lifted_and_limited(site: Site) -> None:
    case = site.store.case(ALERT_ID)
    assert case is not None
    one = case.holding[0].limit.account_id

    async def look(visitor: Visit) -> None:
        await visitor.login()
        assert (await visitor.press("lift", account_id=one))[0] == 303
        assert (await visitor.press("limit", account_id=one))[0] == 303
        assert (await visitor.press("limit", account_id="somebody else"))[0] == 404
        assert (await visitor.press("explode"))[0] == 404

    visit(site, look)
    lift, tombstone, limit_again = site.sent
    assert [json.loads(message.value or b"")["account_id"] for message in (lift, limit_again)] == [one, one]
    assert (tombstone.key, tombstone.value) == (one.encode(), None)
    after = site.store.case(ALERT_ID)
    assert after is not None
    assert len(after.holding) == len(case.holding) - 1


def test_to_block_one_must_say_why_and_what_was_asked_for_can_be_lifted(site: Site) -> None:
    async def look(visitor: Visit) -> None:
        await visitor.login()
        await visitor.press("lift")
        assert "Lift 0 limits" in (await visitor.get(PATH))[1]
        status, text, _ = await visitor.press("block", reason="  ")
        assert (status, "Say why" in text) == (400, True)
        status, _, headers = await visitor.press("block", reason="they sell it on")
        assert status == 303
        text = (await visitor.get(headers["Location"]))[1]
        members = site.store.case(ALERT_ID).live_members  # type: ignore[union-attr]
        assert f"A block of {len(members)} accounts is asked for" in text
        assert f"Lift {len(members)} limits" in text
        assert "block, asked for" in text
        assert (await visitor.press("lift", account_id=members[0].account_id))[0] == 303
        assert f"Lift {len(members) - 1} limits" in (await visitor.get(PATH))[1]
        headers = (await visitor.press("dismiss"))[2]
        text = (await visitor.get(headers["Location"]))[1]
        assert "Lift 0 limits" in text
        assert "asked for" not in text

    visit(site, look)
    (said,) = [each for each in map(json.loads, _feedback(site)) if each["action"] == "block"]
    assert (said["alert_id"], said["account_id"], said["reason"]) == (ALERT_ID, None, "they sell it on")
    assert said["author"] == "Kim"


def _feedback(site: Site) -> list[bytes]:
    return [message.value or b"" for message in site.sent if message.topic == "feedback"]


def test_what_could_not_be_sent_was_not_done(site: Site) -> None:
    site.down = True

    async def look(visitor: Visit) -> None:
        await visitor.login()
        status, text, _ = await visitor.press("lift")
        assert status == 502
        assert "Nothing was done" in text
        assert "could not be sent (ConnectionError)" in text

    visit(site, look)
    case = site.store.case(ALERT_ID)
    assert case is not None
    assert case.holding
    assert case.feedback == ()


def test_a_campaign_is_exported_without_a_token(site: Site) -> None:
    async def look(visitor: Visit) -> None:
        status, text, headers = await visitor.get(f"{PATH}/export?format=stix")
        assert status == 200
        assert headers["Content-Disposition"] == f'attachment; filename="{ALERT_ID}.json"'
        assert json.loads(text)["type"] == "bundle"
        status, text, headers = await visitor.get(f"{PATH}/export?format=csv")
        assert text.startswith("record,kind,value")
        assert headers["Content-Type"] == "text/csv; charset=utf-8"
        assert (await visitor.get(f"{PATH}/export?format=pdf"))[0] == 404
        assert (await visitor.get("/alerts/nobody/export?format=csv"))[0] == 404
        assert (await visitor.get("/alerts/nobody"))[0] == 404

    visit(site, look)
