"""Who may act: whoever knows the token, for half a day, on every worker that has it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamer.web.access import LASTS_S, Access, is_from_our_form

TOKEN = "a token long enough"


def access(token: str = TOKEN, now_s: float = 1000.0) -> Access:
    return Access(token, lambda: now_s)


def test_a_cookie_proves_itself_to_every_worker_until_it_runs_out() -> None:
    cookie = access().login(TOKEN, " Kim \n<b> ")
    assert cookie is not None
    visitor = access(now_s=1000.0 + LASTS_S - 1).visitor(cookie)
    assert visitor is not None
    assert visitor.name == "Kim <b>"
    assert access(now_s=1000.0 + LASTS_S).visitor(cookie) is None
    assert access("another token, also long").visitor(cookie) is None
    assert access("").visitor(cookie) is None


def test_the_token_alone_opens() -> None:
    assert [access().login(token, "Kim") for token in ("", "a token", TOKEN + " ", "ä")] == [None] * 4
    assert access("").login("", "Kim") is None
    assert not access("").possible


def test_a_form_belongs_to_one_login() -> None:
    one, other = (access(now_s=now_s) for now_s in (1000.0, 2000.0))
    visitors = [each.visitor(each.login(TOKEN, "Kim")) for each in (one, other)]
    assert visitors[0] is not None
    assert visitors[1] is not None
    assert is_from_our_form(visitors[0], visitors[0].form_token)
    assert not is_from_our_form(visitors[0], visitors[1].form_token)
    assert not is_from_our_form(visitors[0], None)


def test_a_page_does_not_tell_the_cookie() -> None:
    cookie = access().login(TOKEN, "Kim") or ""
    visitor = access().visitor(cookie)
    assert visitor is not None
    assert visitor.form_token not in cookie


@given(st.text(max_size=80))
def test_a_cookie_that_is_not_ours_is_nobody(cookie: str) -> None:
    assert access().visitor(cookie) is None


@given(st.data())
def test_a_cookie_that_was_changed_is_nobody(data: st.DataObject) -> None:
    cookie = access().login(TOKEN, "Kim") or ""
    place = data.draw(st.integers(0, len(cookie) - 1))
    letter = data.draw(st.characters())
    changed = cookie[:place] + letter + cookie[place + 1 :]
    assert changed == cookie or access().visitor(changed) is None
