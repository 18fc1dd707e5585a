"""The command `cut`, for stills and for clips."""

import sys
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cleanplate.errors import InputError

if TYPE_CHECKING:
    from cleanplate.jobs.options import PlateFrom


class Device(StrEnum):
    """Where the network runs."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Camera(StrEnum):
    """How the camera of a clip was held."""

    FIXED = "fixed"
    HANDHELD = "handheld"


Frames = Annotated[
    list[Path],
    typer.Argument(metavar="INPUT...", help="Stills, or one clip (a sequence: shot.%04d.png)."),
]
Plate = Annotated[
    Path | None, typer.Option(help="The same scene without the subject; for a clip also a clip.")
]
PlateFromText = Annotated[
    str | None,
    typer.Option(
        "--plate-from",
        metavar="first:2s|clip",
        help="Make the plate of the clip: its empty start, or all of it.",
    ),
]
Out = Annotated[
    str,
    typer.Option(
        "-o", "--out", help="A still, .mov, .webm, .mkv, .mp4, a sequence out.%04d.png, or folder/."
    ),
]
Over = Annotated[
    str | None,
    typer.Option(help="New background: a picture, a colour (teal, #1a2b3c), blur, or a clip."),
]
Linear = Annotated[bool, typer.Option("--linear", help="Mix in linear light.")]
Holdout = Annotated[
    Path | None,
    typer.Option(
        help="Mask, white where it is surely the subject; for a clip also a clip of masks."
    ),
]
Garbage = Annotated[
    Path | None,
    typer.Option(help="Mask, white where it is surely not the subject; for a clip also a clip."),
]
Prior = Annotated[
    str | None,
    typer.Option(
        help="Mask (or a clip of them), a rough guess of where the subject is; `difference`, from "
        "the plate; or `none`. Else people are looked for."
    ),
]
NoAlign = Annotated[
    bool, typer.Option("--no-align", help="The camera stood still: take the plate as it is.")
]
DeviceName = Annotated[Device, typer.Option(help="Where the network runs.")]
ModelName = Annotated[str, typer.Option(help="Name of shipped weights, or an .onnx.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads, all if left out.")]

CLIP = "Clips"
MOST_AHEAD = 8  # frames; each one that waits is held in memory
CodecName = Annotated[
    str | None,
    typer.Option("--codec", help="Of the clip; else by the ending.", rich_help_panel=CLIP),
]
CameraName = Annotated[Camera, typer.Option(help="Stands or moves.", rich_help_panel=CLIP)]
TemporalMode = Annotated[
    str,
    typer.Option(
        "--temporal",
        metavar="off|smooth|lookahead[:N]|causal",
        help="Hold alpha steady by the frame before (smooth), by N before and after (lookahead), "
        "or tell the network what it said before (causal; for weights that learned it).",
        rich_help_panel=CLIP,
    ),
]
Deinterlace = Annotated[
    bool, typer.Option("--deinterlace", help="Make whole frames of fields.", rich_help_panel=CLIP)
]
ToneMap = Annotated[
    bool, typer.Option("--tone-map", help="Bring HDR down to SDR.", rich_help_panel=CLIP)
]
Rate = Annotated[
    str | None,
    typer.Option(help="Frames a second of numbered stills: 24, 30000/1001.", rich_help_panel=CLIP),
]
Matte = Annotated[
    Path | None, typer.Option(help="Also write alpha as a grey clip.", rich_help_panel=CLIP)
]
Foreground = Annotated[
    Path | None,
    typer.Option(help="Also write the foreground's colour as a clip.", rich_help_panel=CLIP),
]
Report = Annotated[
    Path | None, typer.Option(help="Also write a page about quality (.html).", rich_help_panel=CLIP)
]
Sound = Annotated[
    bool, typer.Option("--sound/--no-sound", help="Copy the sound.", rich_help_panel=CLIP)
]
Restart = Annotated[
    bool,
    typer.Option("--restart", help="Drop what a stopped job has done.", rich_help_panel=CLIP),
]


def register(app: typer.Typer) -> None:
    """Add the command `cut` to the command line."""
    app.command()(cut)


def say(line: str) -> None:
    """Print one line for the person at the terminal; standard output stays for data."""
    print(line, file=sys.stderr, flush=True)


def cut(
    frames: Frames,
    out: Out,
    plate: Plate = None,
    plate_from: PlateFromText = None,
    over: Over = None,
    linear: Linear = False,
    holdout: Holdout = None,
    garbage: Garbage = None,
    prior: Prior = None,
    no_align: NoAlign = False,
    device: DeviceName = Device.AUTO,
    model: ModelName = "default",
    threads: Threads = None,
    codec: CodecName = None,
    camera: CameraName = Camera.FIXED,
    temporal: TemporalMode = "off",
    deinterlace: Deinterlace = False,
    tone_map: ToneMap = False,
    rate: Rate = None,
    matte: Matte = None,
    foreground: Foreground = None,
    report: Report = None,
    sound: Sound = True,
    restart: Restart = False,
) -> None:
    """Cut the subject out of stills or a clip: alpha, foreground, and a composite with --over."""
    from cleanplate.media.clip_read import is_clip

    shared: dict[str, Any] = {"over": over, "linear": linear, "align": not no_align, "model": model}
    shared |= {"device": device.value, "threads": threads}
    shared |= {"difference_prior": prior == "difference", "person_prior": prior != "none"}
    mask = None if prior in (None, "difference", "none") else Path(prior)
    masks = {"holdout": holdout, "garbage": garbage, "prior": mask}
    files = {"codec": codec, "matte": matte, "foreground": foreground, "report": report}
    if any(is_clip(frame) for frame in frames):
        clip: dict[str, Any] = {"camera": camera.value, "sound": sound, "restart": restart}
        clip |= {"deinterlace": deinterlace, "tone_map": tone_map, "rate": parse_rate(rate)}
        clip |= parse_temporal(temporal) | files | shared | masks
        _refuse_several(frames)
        _cut_clip(frames[0], _plate_of_clip(plate, plate_from), out, clip)
        return
    moving = None if temporal == "off" else temporal
    _refuse_for_stills({**files, "plate-from": plate_from, "rate": rate, "temporal": moving})
    if plate is None:
        raise typer.BadParameter("Missing option '--plate'.")
    _cut_stills(frames, plate, out, {**shared, **masks})


def parse_rate(text: str | None) -> Fraction | None:
    """Read `--rate`: a number or a fraction of frames a second. Raises InputError for others."""
    if text is None:
        return None
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise InputError(f"--rate {text} is no rate: give frames a second, like 24 or 30000/1001.")
    return rate


def parse_temporal(text: str) -> dict[str, Any]:
    """Read `--temporal`: off, smooth, causal, lookahead, or lookahead with frames (lookahead:3).

    Returns the options of the job. Raises InputError for anything else.
    """
    mode, _, count = text.replace(":", " ", 1).partition(" ")
    if mode in ("off", "smooth", "causal", "lookahead") and not count:
        return {"temporal": mode}
    if mode == "lookahead" and count.isdecimal() and 1 <= int(count) <= MOST_AHEAD:
        return {"temporal": mode, "lookahead": int(count)}
    raise InputError(
        f"--temporal {text} is not known: use off, smooth, causal, or lookahead with the frames "
        f"that are waited for, 1 to {MOST_AHEAD} (lookahead:2)."
    )


def parse_plate_from(text: str) -> "PlateFrom":
    """Read `--plate-from`: `clip`, or `first:` with seconds (first:2s, first:1.5).

    Raises InputError where it is neither.
    """
    from cleanplate.jobs.options import PlateFrom

    if text == "clip":
        return PlateFrom(None)
    mode, _, length = text.partition(":")
    try:
        seconds = Fraction(length.removesuffix("s"))
    except (ValueError, ZeroDivisionError):
        seconds = Fraction(0)
    if mode != "first" or seconds <= 0:
        raise InputError(
            f"--plate-from {text} is not known: use first:2s for the empty start of the clip, "
            "or clip for all of it."
        )
    return PlateFrom(seconds)


def _cut_clip(clip: Path, plate: "Path | PlateFrom", out: str, given: dict[str, Any]) -> None:
    from cleanplate.jobs.clips import cut_clip
    from cleanplate.jobs.memory import share_one_arena
    from cleanplate.jobs.options import ClipOptions

    share_one_arena()
    cut_clip(clip, plate, out, ClipOptions(**given), say)


def _cut_stills(frames: list[Path], plate: Path, out: str, given: dict[str, Any]) -> None:
    from cleanplate.jobs.stills import StillsOptions, cut_stills

    if cut_stills(frames, plate, out, StillsOptions(**given), say):
        raise typer.Exit(2)


def _plate_of_clip(plate: Path | None, plate_from: str | None) -> "Path | PlateFrom":
    if plate is not None and plate_from is not None:
        raise InputError("Both --plate and --plate-from were given: leave one out.")
    if plate_from is not None:
        return parse_plate_from(plate_from)
    if plate is None:
        raise typer.BadParameter("Missing option '--plate' (or '--plate-from').")
    return plate


def _refuse_several(frames: list[Path]) -> None:
    if len(frames) > 1:
        raise InputError(
            f"{len(frames)} inputs were given and one of them is a clip: cut one clip at a time."
        )


def _refuse_for_stills(options: dict[str, object]) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise InputError(f"--{given[0]} is for clips, but the input is a still: leave it out.")
