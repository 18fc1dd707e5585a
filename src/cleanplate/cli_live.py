"""The command `live`: a camera in, the subject over another background out."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cleanplate.cli_cut import Device, DeviceName, ModelName, Threads, say
from cleanplate.errors import InputError


class Play(StrEnum):
    """How a file plays the camera."""

    LOOP = "loop"
    ONCE = "once"
    EVERY = "every"


class DetailChoice(StrEnum):
    """How finely frames are cut."""

    AUTO = "auto"
    FULL = "full"
    HALF = "half"
    LOW = "low"
    LEAST = "least"


OUT = "Where it is shown"
CameraOption = Annotated[
    str, typer.Option("--camera", help="0 is the first; /dev/video0; file:PATH plays one.")
]
SizeText = Annotated[
    str | None, typer.Option("--size", metavar="WxH", help="Of the picture: 1280x720.")
]
PlayMode = Annotated[
    Play, typer.Option(help="Of a clip: again and again, once, or every frame at any speed.")
]
PlateFile = Annotated[
    Path | None, typer.Option(help="The scene without the subject; else it is shot now.")
]
Countdown = Annotated[float, typer.Option(help="Seconds to step out of the picture.")]
SavePlate = Annotated[Path | None, typer.Option(help="Keep the plate that is shot (.png).")]
Over = Annotated[
    list[str] | None,
    typer.Option(help="Background: picture, clip, colour, blur, green. Several: key n."),
]
DetailName = Annotated[DetailChoice, typer.Option("--detail", help="auto: what keeps pace.")]
RateLimit = Annotated[float, typer.Option("--rate", help="Frames a second at most.")]
Window = Annotated[bool, typer.Option("--preview", help="A window.", rich_help_panel=OUT)]
Virtual = Annotated[
    bool,
    typer.Option("--virtual-camera", help="A webcam for calls.", rich_help_panel=OUT),
]
VirtualName = Annotated[
    str | None,
    typer.Option("--virtual-device", help="Which: /dev/video9.", rich_help_panel=OUT),
]
Record = Annotated[Path | None, typer.Option(help="A clip, without sound.", rich_help_panel=OUT)]
Serve = Annotated[
    int | None,
    typer.Option(
        metavar="PORT",
        min=0,
        max=65535,
        help="A page and a stream for OBS on 127.0.0.1; 0 takes a free port.",
        rich_help_panel=OUT,
    ),
]
Seconds = Annotated[
    float | None, typer.Option("--seconds", help="Stop so long after the plate is there.")
]


def register(app: typer.Typer) -> None:
    """Add the command `live` to the command line."""
    app.command()(live)


def live(
    camera: CameraOption = "0",
    size: SizeText = None,
    play: PlayMode = Play.LOOP,
    plate: PlateFile = None,
    countdown: Countdown = 5.0,
    save_plate: SavePlate = None,
    over: Over = None,
    preview: Window = False,
    virtual_camera: Virtual = False,
    virtual_device: VirtualName = None,
    record: Record = None,
    serve: Serve = None,
    detail: DetailName = DetailChoice.AUTO,
    rate: RateLimit = 30.0,
    seconds: Seconds = None,
    device: DeviceName = Device.AUTO,
    model: ModelName = "default",
    threads: Threads = None,
) -> None:
    """Replace the background of a camera, live: window, virtual camera, clip, browser source."""
    from cleanplate.live.options import LiveOptions
    from cleanplate.live.run import run_live

    wants_virtual = virtual_camera or virtual_device is not None
    options = LiveOptions(
        camera=camera,
        play=play.value,
        size=parse_size(size),
        rate=rate,
        plate=plate,
        countdown=countdown,
        save_plate=save_plate,
        over=tuple(over or ("blur",)),
        detail=detail.value,
        preview=preview,
        virtual_camera=(virtual_device or "") if wants_virtual else None,
        record=record,
        serve=serve,
        seconds=seconds,
        threads=threads,
        model=model,
        device=device.value,
    )
    run_live(options, say)


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Read `--size`, width x height: height and width. Raises InputError for others."""
    if text is None:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and 64 <= int(width) <= 7680):
        raise InputError(f"--size {text} is no size: give width and height, like 1280x720.")
    if not 64 <= int(height) <= 4320:
        raise InputError(f"--size {text} is no size: give width and height, like 1280x720.")
    return int(height), int(width)
