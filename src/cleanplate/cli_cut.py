"""The command `cut`, for stills and for clips."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cleanplate.cli_checks import (
    holds_clips,
    is_moving,
    refuse_for_stills,
    refuse_idle_linear,
    refuse_urls,
)
from cleanplate.cli_parse import parse_plate_from, parse_rate, parse_temporal
from cleanplate.errors import InputError

if TYPE_CHECKING:
    from cleanplate.jobs.options import PlateFrom


class Device(StrEnum):
    """Where the network runs."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Quality(StrEnum):
    """How closely the network looks; the best takes longer."""

    NORMAL = "normal"
    BEST = "best"


class Camera(StrEnum):
    """How the camera of a clip was held."""

    FIXED = "fixed"
    HANDHELD = "handheld"


Frames = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Stills, or clips (a sequence: shot.%04d.png; a folder of clips; s3://takes/*.mov).",
    ),
]
Plate = Annotated[
    str | None, typer.Option(help="The same scene without the subject; for a clip also a clip.")
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
        "-o",
        "--out",
        help="A still, .mov, .webm, .mkv, .mp4, a sequence out.%04d.png, or folder/; "
        "of several clips 'cuts/{name}.mov'.",
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
QualityName = Annotated[
    Quality | None,
    typer.Option(help="How closely the network looks: else best at stills, normal at clips."),
]
Threads = Annotated[int | None, typer.Option(min=1, max=256, help="CPU threads, all if left out.")]

CLIP = "Clips"
CodecName = Annotated[
    str | None,
    typer.Option("--codec", help="Of the clip; else by the ending.", rich_help_panel=CLIP),
]
CameraName = Annotated[Camera, typer.Option(help="Stands or moves.", rich_help_panel=CLIP)]
TemporalMode = Annotated[
    str,
    typer.Option(
        "--temporal",
        metavar="auto|off|causal|smooth|lookahead[:N]",
        help="Tell the network what it said before (causal; auto: where its weights learned that), "
        "and hold alpha steady by the frame before (smooth), or N before and after (lookahead).",
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
    str | None, typer.Option(help="Also write alpha as a grey clip.", rich_help_panel=CLIP)
]
Foreground = Annotated[
    str | None,
    typer.Option(help="Also write the foreground's colour as a clip.", rich_help_panel=CLIP),
]
Report = Annotated[
    str | None, typer.Option(help="Also write a page about quality (.html).", rich_help_panel=CLIP)
]
Sound = Annotated[
    bool, typer.Option("--sound/--no-sound", help="Copy the sound.", rich_help_panel=CLIP)
]
Restart = Annotated[
    bool,
    typer.Option("--restart", help="Drop what a stopped job has done.", rich_help_panel=CLIP),
]
Workers = Annotated[
    int,
    typer.Option(min=1, help="Of several clips, so many at once.", rich_help_panel=CLIP),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Cut several clips on a Ray cluster (auto, host:port); needs the extra.",
        rich_help_panel=CLIP,
    ),
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
    quality: QualityName = None,
    threads: Threads = None,
    codec: CodecName = None,
    camera: CameraName = Camera.FIXED,
    temporal: TemporalMode = "auto",
    deinterlace: Deinterlace = False,
    tone_map: ToneMap = False,
    rate: Rate = None,
    matte: Matte = None,
    foreground: Foreground = None,
    report: Report = None,
    sound: Sound = True,
    restart: Restart = False,
    workers: Workers = 1,
    cluster: Cluster = None,
) -> None:
    """Cut the subject out of stills or clips: alpha, foreground, and a composite with --over."""
    from cleanplate.devices import limit_threads
    from cleanplate.media.clip_read import is_clip
    from cleanplate.media.remote import is_url

    limit_threads(threads)
    refuse_idle_linear(linear, over)
    if no_align and camera is Camera.HANDHELD:
        raise InputError(
            "--camera handheld follows the plate and --no-align takes it as it is: leave one out."
        )
    shared: dict[str, Any] = {"over": over, "linear": linear, "align": not no_align, "model": model}
    shared |= {"device": device.value, "threads": threads, "quality": quality and quality.value}
    shared |= {"difference_prior": prior == "difference", "person_prior": prior != "none"}
    mask = None if prior in (None, "difference", "none") else Path(prior)
    masks = {"holdout": holdout, "garbage": garbage, "prior": mask}
    refuse_urls({f"--{name}": path for name, path in masks.items()} | {"--over": over})
    places = {"matte": matte, "foreground": foreground, "report": report}
    further = {role: place for role, place in places.items() if place is not None}
    several = len(frames) > 1 or "{name}" in out or cluster is not None or workers > 1
    several |= any(is_url(place) for place in (out, plate or "", *further.values()))
    if any(is_url(frame) or is_moving(frame) or holds_clips(frame) for frame in frames):
        clip: dict[str, Any] = {"camera": camera.value, "sound": sound, "restart": restart}
        clip |= {"deinterlace": deinterlace, "tone_map": tone_map, "rate": parse_rate(rate)}
        clip |= parse_temporal(temporal) | {"codec": codec} | shared | masks
        taken = _plate_of_clip(plate, plate_from)
        if several or not is_clip(frames[0]):
            where = {"cluster": cluster, "workers": workers}
            _cut_clips(frames, taken, (out, further), clip, where)
        else:
            paths = {role: Path(place) for role, place in further.items()}
            _cut_clip(frames[0], taken, out, clip | paths)
        return
    refuse_urls({"--plate": plate, "-o": out})
    of_clips: dict[str, object] = {"codec": codec, **places, "plate-from": plate_from, "rate": rate}
    of_clips |= {"temporal": temporal != "auto", "camera": camera is not Camera.FIXED}
    of_clips |= {"deinterlace": deinterlace, "tone-map": tone_map, "no-sound": not sound}
    of_clips |= {"restart": restart, "cluster": cluster, "workers": workers > 1}
    refuse_for_stills(frames, out, of_clips)
    if plate is None:
        raise typer.BadParameter("Missing option '--plate'.")
    _cut_stills([Path(frame) for frame in frames], Path(plate), out, {**shared, **masks})


def _cut_clip(clip: str, plate: "str | PlateFrom", out: str, given: dict[str, Any]) -> None:
    from cleanplate.jobs.clips import cut_clip
    from cleanplate.jobs.memory import share_one_arena
    from cleanplate.jobs.options import ClipOptions

    share_one_arena()
    of = Path(plate) if isinstance(plate, str) else plate
    cut_clip(Path(clip), of, out, ClipOptions(**given), say)


def _cut_clips(
    inputs: list[str],
    plate: "str | PlateFrom",
    outputs: tuple[str, dict[str, str]],
    given: dict[str, Any],
    where: dict[str, Any],
) -> None:
    from cleanplate.jobs.batch import cut_clips, list_clips, plan_tasks
    from cleanplate.jobs.options import ClipOptions

    out, further = outputs
    tasks = plan_tasks(list_clips(inputs), plate, out, ClipOptions(**given), further)
    failed = cut_clips(tasks, say, **where)
    if failed:
        raise InputError(f"{failed} of {len(tasks)} clips were not cut: see above.")


def _cut_stills(frames: list[Path], plate: Path, out: str, given: dict[str, Any]) -> None:
    from cleanplate.jobs.stills import StillsOptions, cut_stills

    if cut_stills(frames, plate, out, StillsOptions(**given), say):
        raise typer.Exit(2)


def _plate_of_clip(plate: str | None, plate_from: str | None) -> "str | PlateFrom":
    if plate is not None and plate_from is not None:
        raise InputError("Both --plate and --plate-from were given: leave one out.")
    if plate_from is not None:
        return parse_plate_from(plate_from)
    if plate is None:
        raise typer.BadParameter("Missing option '--plate' (or '--plate-from').")
    return plate
