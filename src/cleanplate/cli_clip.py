"""The command `inspect`: what a clip, a sequence or a still is."""

import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer

from cleanplate.cli_checks import is_moving
from cleanplate.errors import CleanplateError
from cleanplate.media.clip_info import ClipInfo


def register(app: typer.Typer) -> None:
    """Add the command `inspect` to the command line."""
    app.command("inspect")(inspect_command)


def inspect_command(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="A clip, a still, or a pattern like s.####.png.",
            readable=False,  # told when it is read, file by file
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="For programs: a list.")] = False,
) -> None:
    """Tell alpha, range, rate, sound, colours, depth, rotation and length of a file.

    A file that cannot be read does not stop the others; the exit code is 2 then.
    """
    described, failed = [], False
    for path in files:
        try:
            described.append(describe(path))
        except CleanplateError as problem:
            if len(files) == 1:
                raise
            failed = True
            print(f"cleanplate: {problem}", file=sys.stderr, flush=True)
    if as_json:
        print(json.dumps(described, indent=1))
    elif described:
        print("\n\n".join("\n".join(lines_of(facts)) for facts in described))
    if failed:
        raise typer.Exit(2)


def describe(path: Path) -> dict[str, Any]:
    """Put the facts of a clip, a sequence or a still into plain values. Raises InputError."""
    from cleanplate.media.clip_read import inspect_clip

    return describe_clip(inspect_clip(path)) if is_moving(path) else describe_still(path)


def describe_clip(info: ClipInfo) -> dict[str, Any]:
    """Put a clip's facts into plain values: fractions as "30000/1001", None for what is not said.

    Returns what `--json` prints for one file.
    """
    colour, notes = info.colour, list(info.notes)
    transfer = colour.transfer
    if info.format == "numbered stills" and info.codec == "exr":
        # What is delivered of them is sRGB-encoded; what lies in the file is not.
        transfer = "linear"
        notes.append("light-linear in the file, sRGB-encoded once read")
    return {
        "file": str(info.path),
        "format": info.format,
        "codec": info.codec,
        "pixel_format": info.pixel_format,
        "width": info.width,
        "height": info.height,
        "pixel_aspect": str(info.pixel_aspect),
        "alpha": info.alpha,
        "bit_depth": info.bit_depth,
        "range": colour.range_,
        "primaries": colour.primaries,
        "transfer": transfer,
        "matrix": colour.matrix,
        "hdr": info.hdr,
        "rate": _text(info.rate),
        "rate_decimal": None if info.rate is None else round(float(info.rate), 6),
        "variable_rate": info.rate is None,
        "frames": info.frame_count,
        "time_base": str(info.time_base),
        "start_seconds": float(info.start),
        "duration_seconds": None if info.duration is None else float(info.duration),
        "rotation": info.rotation,
        "interlaced": info.interlaced,
        "sounds": [
            {"codec": sound.codec, "rate": sound.rate, "channels": sound.channels}
            for sound in info.sounds
        ],
        "said": dict(info.said),
        "notes": notes,
    }


def describe_still(path: Path) -> dict[str, Any]:
    """Put a still's facts into plain values, in the same words as a clip's.

    Raises InputError for what cannot be read.
    """
    from cleanplate.media.stills import read_still

    still = read_still(path)
    height, width = still.picture.shape[:2]
    alpha = None
    if still.alpha is not None:
        alpha = "premultiplied" if path.suffix.lower() == ".exr" else "straight"
    return {
        "file": str(path),
        "format": "still",
        "codec": path.suffix.lower().removeprefix("."),
        "width": width,
        "height": height,
        "alpha": alpha,
        "bit_depth": still.bit_depth,
        "notes": list(still.notes),
    }


def lines_of(facts: dict[str, Any]) -> list[str]:
    """Lay the facts out for the terminal, a line each."""
    rows = [("file", facts["file"]), ("format", f"{facts['format']}, {facts['codec']}")]
    size = f"{facts['width']} x {facts['height']}"
    if facts.get("pixel_aspect", "1") != "1":
        size += f", pixels {facts['pixel_aspect']} as wide as high"
    rows.append(("size", size))
    rows.append(("alpha", f"yes, {facts['alpha']}" if facts["alpha"] else "no"))
    rows.append(("bit depth", str(facts["bit_depth"])))
    if "rate" in facts:
        rows.extend(_clip_rows(facts))
    rows.extend(("note", note) for note in facts["notes"])
    return [f"{name:<11}{value}" for name, value in rows]


def _clip_rows(facts: dict[str, Any]) -> list[tuple[str, str]]:
    ranges = {"tv": "limited (tv)", "pc": "full (pc)", None: "not said"}
    tags = [f"{name} {facts[name] or 'not said'}" for name in ("primaries", "transfer", "matrix")]
    rate = "variable"
    if facts["rate"]:
        rate = f"{facts['rate']} = {facts['rate_decimal']:g} a second, constant"
    seconds = facts["duration_seconds"]
    sounds = [
        f"{sound['codec']}, {sound['rate']} Hz, {sound['channels']} channel"
        + ("s" if sound["channels"] != 1 else "")
        for sound in facts["sounds"]
    ]
    turn = f"{facts['rotation']} degrees clockwise" if facts["rotation"] else "none"
    return [
        ("range", ranges[facts["range"]]),
        ("colour", ", ".join(tags) + (", HDR" if facts["hdr"] else "")),
        ("rate", rate),
        (
            "frames",
            "not known without decoding" if facts["frames"] is None else str(facts["frames"]),
        ),
        ("duration", "not said" if seconds is None else f"{seconds:.3f} s"),
        ("start", f"{facts['start_seconds']:.3f} s"),
        ("rotation", turn),
        ("interlaced", "yes" if facts["interlaced"] else "no"),
        ("sound", "; ".join(sounds) or "none"),
        *((key.replace("creation_time", "created"), value) for key, value in facts["said"].items()),
    ]


def _text(number: Fraction | None) -> str | None:
    return None if number is None else str(number)
