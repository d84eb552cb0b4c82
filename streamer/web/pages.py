"""The pages a person looks at, and what its buttons do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from streamer.cases.case import Case
from streamer.errors import StreamerError
from streamer.web.access import COOKIE, LASTS_S, Visitor, is_from_our_form
from streamer.web.case_view import case_path, render_case
from streamer.web.desk import ACTIONS, Desk
from streamer.web.rendering import HEADERS, Renderer

WRONG_TOKEN_S = 1.0
MOST_REFRESH_S = 3600
MOST_REASON = 500
TYPES = {"csv": ("text/csv", "csv"), "stix": ("application/stix+json", "json")}
SEVERITIES = {"critical": 0, "warning": 1, "info": 2}
_OURS = re.compile(r"/(?![/\\])[\x21-\x7e]*")

Figures = Callable[[], Mapping[str, str]]


class Pages:
    """The handlers. Pages are made in threads: a worker's own loop has better to do than to draw."""

    def __init__(self, desk: Desk, renderer: Renderer, figures: Figures) -> None:
        self._desk = desk
        self._renderer = renderer
        self._figures = figures

    def routes(self) -> list[web.RouteDef]:
        """Every address and its handler."""
        return [
            web.get("/", self.alerts),
            web.get("/style.css", self.style),
            web.get("/login", self.login_form),
            web.post("/login", self.login),
            web.post("/logout", self.logout),
            web.get("/alerts/{alert_id}", self.case),
            web.get("/alerts/{alert_id}/export", self.export),
            web.post("/alerts/{alert_id}/{action}", self.act),
        ]

    async def alerts(self, request: web.Request) -> web.Response:
        """Alerts now and lately."""
        refresh = request.query.get("refresh", "")
        listed = await asyncio.to_thread(self._desk.store.listed)
        now = [each for each in listed if each.fires]
        now.sort(key=lambda each: SEVERITIES.get(each.alert.severity, len(SEVERITIES)))
        lately = [each for each in listed if not each.fires]
        return self._html(
            "alerts.html",
            self._known(request),
            figures=list(self._figures().items()),
            listed=listed,
            groups=[("now", now), ("lately", lately)],
            refresh=int(refresh) if re.fullmatch(r"[1-9]\d{0,3}", refresh, re.ASCII) else None,
        )

    async def case(self, request: web.Request) -> web.Response:
        """One campaign."""
        case = await self._case(request)
        if case is None:
            return self._no_such_alert(request)
        known = self._known(request)
        text = await asyncio.to_thread(render_case, self._desk, self._renderer, case, request.query, **known)
        return web.Response(text=text, content_type="text/html", headers=HEADERS)

    async def export(self, request: web.Request) -> web.Response:
        """Members and indicators of a campaign, as a file."""
        case = await self._case(request)
        name = request.query.get("format", "")
        if case is None:
            return self._no_such_alert(request)
        if name not in self._desk.exporters:
            return self._problem(request, 404, "No such format", f"There are: {', '.join(self._desk.exporters)}.")
        text = await asyncio.to_thread(self._desk.exporters[name], case)
        content_type, ending = TYPES[name]
        safe = re.sub(r"[^A-Za-z0-9._-]", "_", case.alert.alert_id)
        headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{safe}.{ending}"'}
        return web.Response(text=text, content_type=content_type, charset="utf-8", headers=headers)

    async def act(self, request: web.Request) -> web.Response:
        """A button was pressed."""
        visitor = self._visitor(request)
        form = await request.post()
        if visitor is None or not is_from_our_form(visitor, form.get("form_token")):
            return self._problem(request, 403, "Not allowed", "Log in, and press the button on the page again.")
        case = await self._case(request)
        action = next((each for each in ACTIONS if each == request.match_info["action"]), None)
        if case is None or action is None:
            return self._no_such_alert(request)
        account = _text(form.get("account_id")) or None
        if account is not None and not any(member.account_id == account for member in case.members):
            return self._problem(request, 404, "No such account", "The alert does not name it.")
        reason = _text(form.get("reason"))[:MOST_REASON]
        if action == "block" and not reason:
            return self._problem(request, 400, "Say why", "A block shuts its accounts out: others must know why.")
        try:
            count = await self._desk.act(case, action, author=visitor.name, reason=reason, account_id=account)
        except StreamerError as error:
            return self._problem(request, 502, "Nothing was done", str(error))
        return _go_to(f"{case_path(case)}?{urlencode({'done': action, 'count': count})}")

    async def login_form(self, request: web.Request) -> web.Response:
        """Where the token is asked for."""
        return self._html(
            "login.html", self._known(request), next=_ours(request.query.get("next", "/")), name="", wrong=False
        )

    async def login(self, request: web.Request) -> web.Response:
        """Give a cookie to whoever knows the token."""
        form = await request.post()
        name, back = _text(form.get("name")), _ours(_text(form.get("next")))
        cookie = self._desk.access.login(_text(form.get("token")), name)
        if cookie is None:
            await asyncio.sleep(WRONG_TOKEN_S)  # guessing shall be slow
            return self._html("login.html", self._known(request), status=403, next=back, name=name, wrong=True)
        answer = _go_to(back)
        secure = request.secure or request.headers.get("X-Forwarded-Proto") == "https"
        answer.set_cookie(COOKIE, cookie, max_age=LASTS_S, httponly=True, samesite="Strict", secure=secure)
        return answer

    async def logout(self, request: web.Request) -> web.Response:
        """Take the cookie back."""
        visitor, form = self._visitor(request), await request.post()
        answer = _go_to("/")
        if visitor is not None and is_from_our_form(visitor, form.get("form_token")):
            answer.del_cookie(COOKIE)
        return answer

    async def style(self, _: web.Request) -> web.Response:
        """How all of it looks."""
        headers = {**HEADERS, "Cache-Control": "max-age=300"}
        return web.Response(text=self._renderer.style, content_type="text/css", headers=headers)

    async def _case(self, request: web.Request) -> Case | None:
        return await asyncio.to_thread(self._desk.store.case, request.match_info["alert_id"])

    def _visitor(self, request: web.Request) -> Visitor | None:
        return self._desk.access.visitor(request.cookies.get(COOKIE))

    def _known(self, request: web.Request) -> dict[str, Any]:
        return {
            "visitor": self._visitor(request),
            "login_possible": self._desk.access.possible,
            "here": request.path_qs if request.method == "GET" else "/",
        }

    def _no_such_alert(self, request: web.Request) -> web.Response:
        return self._problem(request, 404, "No such alert", "It is not known here, or no longer.")

    def _problem(self, request: web.Request, status: int, headline: str, text: str) -> web.Response:
        return self._html("problem.html", self._known(request), status=status, headline=headline, text=text)

    def _html(self, template: str, known: dict[str, Any], status: int = 200, **values: Any) -> web.Response:  # noqa: ANN401 - what the template needs
        text = self._renderer.page(template, **known, **values)
        return web.Response(text=text, content_type="text/html", headers=HEADERS, status=status)


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _ours(path: str) -> str:
    """The path, if it leads nowhere but to our own pages."""
    return path if _OURS.fullmatch(path) else "/"


def _go_to(path: str) -> web.Response:
    return web.Response(status=303, headers={**HEADERS, "Location": path})
