"""A browser source: the live picture as Motion JPEG over HTTP, for this computer only."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from select import select
from threading import Condition, Lock, Thread
from typing import Any, cast

from cleanplate.errors import DeviceError
from cleanplate.live.sinks import Shown
from cleanplate.media.browser import jpeg_bytes

HOST = "127.0.0.1"
BOUNDARY = "cleanplate-frame"
MOST_CLIENTS = 8
QUALITY = 85  # of the JPEGs
STUCK = 10.0  # seconds after which a client that takes nothing is let go
PATIENCE = 0.2  # seconds
FIRST = 15.0  # seconds that a single picture may be waited for; a camera wakes up first
PAGE = (
    "<!doctype html><meta charset=utf-8><title>cleanplate live</title>"
    "<style>html,body{margin:0;height:100%;background:#000}"
    "img{width:100%;height:100%;object-fit:contain}</style>"
    "<img src=/stream alt='live picture'>"
)


@dataclass(frozen=True)
class Encoded:
    """A picture as JPEG. moments: as in `Shown`, and when encoding began and ended."""

    number: int
    jpeg: bytes
    shown: Shown
    moments: tuple[float, ...]


class BrowserSource:
    """Serves `/stream` (Motion JPEG), `/frame.jpg` (one picture) and `/` (a page with the stream).

    A client that is slow gets the newest picture when it is ready for one. Pictures are encoded
    when a client wants them, once for all clients.
    """

    private = False

    def __init__(self, port: int, wake: Callable[[], None]) -> None:
        """`port`: 0 for any that is free. wake: called when a client comes.

        Raises DeviceError where the port is taken.
        """
        self._changed = Condition()
        self._shown: Shown | None = None
        self._number = 0
        self._encoding = Lock()
        self._encoded: Encoded | None = None
        self._clients = 0
        self._closed = False
        self._wake = wake
        try:
            self._server = _Server((HOST, port), _Handler)
        except (OSError, OverflowError) as problem:
            raise DeviceError(
                f"Port {port} of {HOST} cannot be used ({getattr(problem, 'strerror', problem)}): "
                "close what has it, or give another with --serve."
            ) from problem
        self._server.source = self
        self.port = int(self._server.server_address[1])
        self.url = f"http://{HOST}:{self.port}/"
        self.name = f"browser source {self.url}"
        self._thread = Thread(
            target=self._server.serve_forever, args=(PATIENCE,), name="browser source", daemon=True
        )
        self._thread.start()

    @property
    def watched(self) -> bool:
        """Whether there is any client."""
        return self._clients > 0

    def show(self, shown: Shown) -> None:
        """Let all clients have the picture."""
        with self._changed:
            self._shown, self._number = shown, self._number + 1
            self._changed.notify_all()

    def close(self) -> None:
        """End all connections and the server."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def enter(self) -> bool:
        """Count a client in; False where there are too many."""
        with self._changed:
            if self._clients >= MOST_CLIENTS:
                return False
            self._clients += 1
        self._wake()
        return True

    def leave(self) -> None:
        """Count a client out."""
        with self._changed:
            self._clients -= 1

    @property
    def number(self) -> int:
        """Of the newest picture."""
        with self._changed:
            return self._number

    def after(self, number: int, timeout: float) -> Encoded | None:
        """Give a picture newer than `number`; None after `timeout` or at the end."""
        until = time.monotonic() + timeout
        with self._changed:
            while self._number <= number and not self._closed:
                left = until - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(min(left, PATIENCE))
            if self._closed or self._shown is None:
                return None
        return self._newest()

    def _newest(self) -> Encoded | None:
        """Encode the newest picture, once; the loop does not wait for that."""
        with self._encoding:
            with self._changed:
                shown, number = self._shown, self._number
            if shown is not None and (self._encoded is None or self._encoded.number != number):
                began = time.monotonic()
                jpeg = jpeg_bytes(shown.picture, QUALITY, full_colour=False)
                moments = (*shown.moments, began, time.monotonic())
                self._encoded = Encoded(number, jpeg, shown, moments)
            return self._encoded

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self._closed


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    source: BrowserSource

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went: they go as they like."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = STUCK
    disable_nagle_algorithm = True  # the end of a picture must not wait for more to send
    server_version = "cleanplate"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if not self._is_local():
            self._answer(403, b"Only pages of this computer may look.", "text/plain")
        elif path == "/":
            self._answer(200, PAGE.encode(), "text/html; charset=utf-8")
        elif path in ("/stream", "/frame.jpg"):
            self._pictures(single=path == "/frame.jpg")
        else:
            self._answer(404, b"There are /, /stream and /frame.jpg.", "text/plain")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing; the terminal is for the person at the camera."""

    def _is_local(self) -> bool:
        """Whether the request comes from this computer's own pages, and no other page's script."""
        host = (self.headers.get("Host") or "").rpartition(":")[0] or self.headers.get("Host")
        from_elsewhere = self.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")
        return host in (HOST, "localhost") and not from_elsewhere

    def _pictures(self, single: bool) -> None:
        source = cast(_Server, self.server).source
        if not source.enter():
            self._answer(503, b"Too many look already.", "text/plain")
            return
        try:
            if single:
                found = source.after(source.number, FIRST)
                if found is None:
                    self._answer(503, b"There is no picture yet.", "text/plain")
                else:
                    self._answer(200, found.jpeg, "image/jpeg")
            else:
                self._stream(source)
        except OSError:
            self.close_connection = True
        finally:
            source.leave()

    def _stream(self, source: BrowserSource) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        number = max(0, source.number - 1)  # begin with what is there
        while not source.closed:
            found = source.after(number, STUCK)
            if found is None:
                if self._gone():
                    return
                continue
            number = found.number
            fields = {
                "Content-Type": "image/jpeg",
                "Content-Length": len(found.jpeg),
                # By the clock that all programs of this computer share: to measure delays.
                "X-Grabbed-Monotonic": f"{found.shown.grabbed:.6f}",
                "X-Moments-Monotonic": " ".join(f"{moment:.6f}" for moment in found.moments),
                "X-Camera-Seconds": f"{found.shown.seconds:.3f}",
            }
            head = [f"--{BOUNDARY}", *(f"{name}: {value}" for name, value in fields.items())]
            self.wfile.write("\r\n".join(head).encode() + b"\r\n\r\n" + found.jpeg + b"\r\n")

    def _gone(self) -> bool:
        """Whether a client that is sent nothing for long has closed its end."""
        readable, _, _ = select([self.connection], [], [], 0)
        return bool(readable) and not self.connection.recv(1)

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)
