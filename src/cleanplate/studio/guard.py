"""Before anything is read: who asks, from where, how much and how slowly."""

import asyncio
import hashlib
import re
import secrets
import time
from collections.abc import Callable
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, unquote, urlsplit

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cleanplate.studio.counters import Counters
from cleanplate.studio.refusals import RefusedError
from cleanplate.studio.settings import Settings

OPEN = ("/healthz", "/page/")
SAFE = ("GET", "HEAD", "OPTIONS")
DRAINED = 64_000_000  # of a refused upload that is still read, so that the client hears why
SHOT = re.compile(r"(?<=^/v1/shots/)[A-Za-z0-9_-]{24}(?=/)")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self' ws: wss:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Wraps the application; refuses before a route sees the request.

    refuse_early: gives the refusal of a POST to a route for which the queue is full, or None.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        counters: Counters,
        refuse_early: Callable[[str], RefusedError | None],
    ) -> None:
        self._app, self._settings, self._counters = app, settings, counters
        self._refuse_early = refuse_early
        digest = hashlib.sha256((settings.token or "").encode()).hexdigest()
        self._cookie = f"cleanplate_{digest[:8]}"  # several studios may run on one machine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            self._check_place(scope, headers)
            self._check_token(scope, headers)
        except RefusedError as problem:
            await self._refuse(scope, receive, send, problem)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
        elif welcome := self._welcome(scope):
            await welcome(scope, receive, send)
        else:
            await self._pass(scope, receive, send, headers)

    def _check_place(self, scope: Scope, headers: Headers) -> None:
        """Refuse other names of this machine and pages of other sites."""
        host = headers.get("host", "")
        origin = headers.get("origin")
        try:
            name, site = urlsplit(f"//{host}").hostname or "", urlsplit(origin or "").netloc
        except ValueError as problem:
            raise RefusedError(
                400, "The header Host or Origin is no address: send the one of this server."
            ) from problem
        if self._settings.hosts is not None and name not in self._settings.hosts:
            raise RefusedError(403, "Open the studio under the address that it printed.")
        asks_only = scope["type"] == "http" and scope["method"] in SAFE
        if origin is not None and not asks_only and site != host:
            raise RefusedError(403, "Pages of other sites may not use this server.")

    def _check_token(self, scope: Scope, headers: Headers) -> None:
        token, path = self._settings.token, scope["path"]
        if token is None or path.startswith(OPEN):
            return
        query = scope["query_string"].decode("latin-1")
        # A + may be written as it is, though in a form it stands for a space.
        named = (part.partition("=") for part in query.split("&"))
        shown = [unquote(value) for name, _, value in named if name == "token"]
        shown += parse_qs(query).get("token", [])
        kind, _, value = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            shown.append(value)
        cookies: SimpleCookie = SimpleCookie()
        try:
            cookies.load(headers.get("cookie", ""))
        except Exception:  # what cannot be read is no token
            cookies.clear()
        if self._cookie in cookies:
            shown.append(cookies[self._cookie].value)
        if not any(secrets.compare_digest(one.encode(), token.encode()) for one in shown):
            raise RefusedError(
                401,
                "The token is missing or wrong: send it as Bearer token, or open the address with "
                "/?token=TOKEN at its end, as the studio prints it.",
            )

    def _welcome(self, scope: Scope) -> Response | None:
        """Move the token out of the address, where others could read it, into a cookie."""
        if self._settings.token is None or scope["path"] != "/":
            return None
        if b"token=" not in scope["query_string"]:
            return None
        response = RedirectResponse("/", 303)
        response.set_cookie(self._cookie, self._settings.token, httponly=True, samesite="strict")
        return response

    async def _pass(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        settings, path = self._settings, scope["path"]
        most = settings.clip_bytes if path == "/v1/clips" else 0
        body = _Body(receive, most + 4 * settings.picture_bytes, settings.seconds)
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if body.problem is not None:
                return
            if message["type"] == "http.response.start":
                status = message["status"]
                own = Headers(raw=message["headers"])
                message["headers"] = [
                    *message["headers"],
                    *((k.encode(), v.encode()) for k, v in HEADERS.items() if k not in own),
                ]
            await send(message)

        route = "other"
        early = body.too_long(headers)
        if early is None and scope["method"] == "POST":
            template = SHOT.sub("{name}", path)
            early = self._refuse_early(template)
            route = route if early is None else template
        try:
            if early is None:
                await self._app(scope, body, sending)
                early = body.problem
            if early is not None:
                status = early.status
                await self._refuse(scope, body.rest, send, early)
        finally:
            route = getattr(scope.get("route"), "path", route)
            self._counters.request(scope["method"], route, status)

    async def _refuse(
        self, scope: Scope, receive: Receive, send: Send, problem: RefusedError
    ) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4403, "reason": problem.sentence})
            return

        async def unended(message: Message) -> None:
            more = message["type"] == "http.response.body"
            await send({**message, "more_body": True} if more else message)

        response = problem.response()
        response.headers.update(HEADERS)
        await response(scope, receive, unended)
        drained = 0
        until = time.monotonic() + 10
        while drained < DRAINED and scope["method"] not in SAFE:
            try:
                message = await asyncio.wait_for(receive(), until - time.monotonic())
            except TimeoutError:
                break
            drained += len(message.get("body", b""))
            if message["type"] != "http.request" or not message.get("more_body"):
                break
        await send({"type": "http.response.body", "body": b""})


class _Body:
    """The body of a request as it comes in, cut off where it gets too large or takes too long."""

    def __init__(self, receive: Receive, most: int, seconds: float) -> None:
        self._receive, self._most, self._seconds = receive, most, seconds
        self._until = time.monotonic() + seconds
        self._length, self._whole = 0, False
        self.problem: RefusedError | None = None

    def too_long(self, headers: Headers) -> RefusedError | None:
        """Refuse by what the client says, before a byte is read."""
        length = headers.get("content-length", "0")
        return self._too_large() if length.isdigit() and int(length) > self._most else None

    async def __call__(self) -> Message:
        if self._whole:
            return await self._receive()  # waits for the client to leave
        try:
            message = await asyncio.wait_for(self._receive(), self._until - time.monotonic())
        except TimeoutError:
            self.problem = RefusedError(
                408, f"The request did not come in within {self._seconds:g} s: send it again."
            )
            raise self.problem from None
        self._length += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._length > self._most:
            self.problem = self._too_large()
            raise self.problem
        return message

    async def rest(self) -> Message:
        """Receive what is left, whatever it is."""
        if self._whole:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._whole = not message.get("more_body", False)
        return message

    def _too_large(self) -> RefusedError:
        return RefusedError(
            413, f"The upload is larger than {self._most / 1e6:.0f} MB: scale or cut it down."
        )
