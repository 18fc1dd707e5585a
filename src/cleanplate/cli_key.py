"""The command `key`: green screen, and two backings."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cleanplate.cli_checks import (
    holds_clips,
    is_moving,
    refuse_for_stills,
    refuse_idle_linear,
    refuse_name,
    refuse_urls,
)
from cleanplate.cli_cut import (
    CodecName,
    Deinterlace,
    Foreground,
    Matte,
    Rate,
    Report,
    Restart,
    Sound,
    ToneMap,
    say,
)
from cleanplate.cli_parse import parse_rate
from cleanplate.errors import InputError

if TYPE_CHECKING:
    from cleanplate.jobs.keying import KeyJob


def register(app: typer.Typer) -> None:
    """Hang the command into the main command line."""
    app.command()(key)


def key(
    frames: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT...",
            help="Shots, or one clip (no folder of clips), before a screen; with --plates A and B.",
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            "-o",
            "--out",
            help="A .png, .webp, .tif or .exr (with --over also .jpg), a clip, or a folder.",
        ),
    ],
    screen: Annotated[
        str | None, typer.Option(help="Its colour: green, blue or #rrggbb; found if left out.")
    ] = None,
    plate: Annotated[Path | None, typer.Option(help="The empty screen, wrinkles and all.")] = None,
    plates: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="PA PB", help="Two backings: the plates of the shots A and B."),
    ] = None,
    over: Annotated[
        str | None, typer.Option(help="New background: a picture or a colour (teal, #1a2b3c).")
    ] = None,
    linear: Annotated[bool, typer.Option("--linear", help="Mix in linear light.")] = False,
    holdout: Annotated[
        Path | None, typer.Option(help="Mask, white where it is surely the subject.")
    ] = None,
    garbage: Annotated[
        Path | None, typer.Option(help="Mask, white where it is surely not the subject.")
    ] = None,
    despill: Annotated[
        float, typer.Option(min=0, max=1, help="How much of the screen's light is taken off.")
    ] = 1.0,
    no_align: Annotated[
        bool, typer.Option("--no-align", help="The camera stood still: take plates as they are.")
    ] = False,
    codec: CodecName = None,
    deinterlace: Deinterlace = False,
    tone_map: ToneMap = False,
    rate: Rate = None,
    matte: Matte = None,
    foreground: Foreground = None,
    report: Report = None,
    sound: Sound = True,
    restart: Restart = False,
) -> None:
    """Key a green or blue screen, or solve two shots before two backings."""
    from cleanplate.jobs.keying import KeyJob, key_backings, key_stills

    refuse_name(out)
    refuse_idle_linear(linear, over)
    places = {"-o": out, "--plate": plate, "--holdout": holdout, "--garbage": garbage}
    further = {"matte": matte, "foreground": foreground, "report": report}
    refuse_urls(places | {"--over": over} | {f"--{role}": further[role] for role in further})
    refuse_urls({f"Shot {number}": frame for number, frame in enumerate(frames, 1)})
    job = KeyJob(
        screen=screen,
        plate=plate,
        over=over,
        linear=linear,
        holdout=holdout,
        garbage=garbage,
        despill=despill,
        align=not no_align,
    )
    folders = [frame for frame in frames if not is_moving(frame) and holds_clips(frame)]
    if folders:
        raise InputError(
            f"{folders[0]} is a folder of clips, and a clip is keyed alone: name one of them."
        )
    if any(is_moving(frame) for frame in frames):
        if len(frames) > 1 or plates is not None:
            raise InputError("A clip is keyed alone, before one screen: give one clip at a time.")
        given: dict[str, Any] = {"over": over, "linear": linear, "align": not no_align}
        given |= {"codec": codec, "deinterlace": deinterlace, "tone_map": tone_map}
        given |= {"rate": parse_rate(rate), "sound": sound, "restart": restart}
        given |= {role: Path(place) for role, place in further.items() if place is not None}
        _key_clip(frames[0], out, job, given)
        return
    of_clips: dict[str, object] = {"codec": codec, "rate": rate, **further, "restart": restart}
    of_clips |= {"deinterlace": deinterlace, "tone-map": tone_map, "no-sound": not sound}
    refuse_for_stills(frames, out, of_clips)
    if plates is None:
        if key_stills(frames, out, job, say):
            raise typer.Exit(2)
        return
    if len(frames) != 2:
        raise InputError(
            f"--plates goes with two shots, A and B, before two backings; {len(frames)} came."
        )
    if plate is not None or screen is not None:
        raise InputError("--plates is for two backings, --plate and --screen for one: choose one.")
    if despill != 1:
        raise InputError("--despill is for one screen: two backings have no light to take off.")
    key_backings((frames[0], frames[1]), plates, out, job, say)


def _key_clip(clip: Path, out: str, job: "KeyJob", given: dict[str, Any]) -> None:
    from cleanplate.jobs.keyed_clips import key_clip
    from cleanplate.jobs.options import ClipOptions

    key_clip(clip, out, job, ClipOptions(**given), say)
