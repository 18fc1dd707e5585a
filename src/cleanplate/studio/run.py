"""Runs the application with uvicorn until Ctrl-C, in a temporary folder that goes away."""

import logging
import secrets
import shutil
import socket
import tempfile
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import uvicorn

from cleanplate.errors import InputError
from cleanplate.jobs.memory import share_one_arena
from cleanplate.studio.app import create_app
from cleanplate.studio.settings import Settings

LOCAL = ("127.0.0.1", "localhost", "::1")
CONNECTIONS = 64


def run_studio(settings: Settings, port: int, browser: bool, say: Callable[[str], None]) -> None:
    """Serve the page to this machine alone, under an address with a random token.

    port: 0 for any that is free. browser: open the page. Raises InputError where the port is taken.
    """
    settings = replace(settings, token=secrets.token_urlsafe(24), hosts=LOCAL)
    with _removed(settings.folder), _listening("127.0.0.1", port) as listener:
        number = listener.getsockname()[1]
        address = f"http://127.0.0.1:{number}/?token={settings.token}"

        def opened() -> None:
            say(f"The studio is open: {address}")
            say("Only this machine can reach it. Ctrl-C closes it and removes what it kept.")
            if browser:  # it may wait for the browser, which waits for this server
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

        _serve(settings, listener, opened)


def run_server(settings: Settings, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve the API (and the page) at an address. Raises InputError where it cannot be taken."""
    with _removed(settings.folder), _listening(host, port) as listener:
        number = listener.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host

        def opened() -> None:
            say(f"Serving at http://{shown}:{number}/v1, described at /docs")
            if settings.token is None and host not in LOCAL:
                say("warning: no --token was given: whoever reaches this address can use it.")

        _serve(settings, listener, opened)


def temporary_folder() -> Path:
    """Make the folder in which everything is kept, readable by this user alone."""
    return Path(tempfile.mkdtemp(prefix="cleanplate-studio-"))


@contextmanager
def _removed(folder: Path) -> Iterator[None]:
    """Remove the folder however the block ends: also where the application never began."""
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # who comes before the application is ready waits for it
    except (OSError, OverflowError) as problem:
        listener.close()
        reason = getattr(problem, "strerror", None) or str(problem)
        raise InputError(
            f"{host} port {port} cannot be used ({reason}): choose another with --port."
        ) from problem
    return listener


def _serve(settings: Settings, listener: socket.socket, opened: Callable[[], None]) -> None:
    share_one_arena()
    app = create_app(settings, opened)
    _ = app.state.studio.model  # what is wrong with it is said now, not to every client
    logging.getLogger("cleanplate.studio").addHandler(logging.StreamHandler())
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # addresses hold the token
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=5,
        ws_max_size=4_100_000,
        ws_max_queue=2,
        server_header=False,
    )
    with suppress(KeyboardInterrupt):  # the usual way to close it; everything has ended by then
        uvicorn.Server(config).run([listener])
