"""The commands `studio` and `serve`: the page in the browser, and the same as a server."""

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cleanplate.cli_cut import Device, DeviceName, ModelName, Threads, say
from cleanplate.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from cleanplate.studio.settings import Settings

Seconds = Annotated[float, typer.Option(min=1, help="How long a request may take.")]
TOKEN = re.compile("[!-~]+")  # what a header, an address and a cookie can bear
Waiting = Annotated[int, typer.Option(min=0, help="Cuts that may wait; more are refused (429).")]


def register(app: typer.Typer) -> None:
    """Hang the commands into the main command line."""
    app.command()(studio)
    app.command()(serve)


def studio(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address.")
    ] = False,
    device: DeviceName = Device.AUTO,
    model: ModelName = "default",
    threads: Threads = None,
) -> None:
    """Open the studio in the browser: pictures, clips and the webcam, on this machine alone."""
    settings = _settings(device=device.value, model=model, threads=threads)
    from cleanplate.studio.run import run_studio

    run_studio(settings, port, not no_browser, say)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    token: Annotated[
        str | None,
        typer.Option(help="What clients must send as Bearer token.", envvar="CLEANPLATE_TOKEN"),
    ] = None,
    timeout: Seconds = 60,
    queue: Waiting = 8,
    max_megapixels: Annotated[float, typer.Option(min=0.1, help="Of a picture.")] = 50,
    max_megabytes: Annotated[float, typer.Option(min=0.1, help="Of a picture's file.")] = 50,
    max_clip_megabytes: Annotated[float, typer.Option(min=0.1, help="Of a clip's file.")] = 1000,
    device: DeviceName = Device.AUTO,
    model: ModelName = "default",
    threads: Threads = None,
) -> None:
    """Serve the studio as an HTTP API, described at /docs."""
    if token is not None and not TOKEN.fullmatch(token):
        raise InputError(
            "--token is empty or holds other characters than ASCII letters, digits and signs: "
            "choose another, or leave it out to serve everybody."
        )
    settings = _settings(
        token=token,
        seconds=timeout,
        waiting=queue,
        pixels=round(max_megapixels * 1e6),
        picture_bytes=round(max_megabytes * 1e6),
        clip_bytes=round(max_clip_megabytes * 1e6),
        device=device.value,
        model=model,
        threads=threads,
    )
    from cleanplate.studio.run import run_server

    run_server(settings, host, port, say)


def _settings(**given: Any) -> "Settings":
    try:
        from cleanplate.studio.run import temporary_folder
        from cleanplate.studio.settings import Settings
    except ImportError as problem:
        raise MissingExtraError(
            f"The studio needs optional packages ({problem.name} is missing): "
            'pip install "cleanplate[studio]".'
        ) from problem
    return Settings(folder=temporary_folder(), **given)
