"""What `cleanplate cut` was asked to do with a clip, besides its files."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from cleanplate.devices import usable_cores

SMOOTH = 1  # frames before that count with --temporal smooth; more let alpha err more


@dataclass(frozen=True)
class PlateFrom:
    """Make the plate of the clip: its first seconds, in which nobody is there; None: all of it."""

    seconds: Fraction | None

    def __str__(self) -> str:
        return "clip" if self.seconds is None else f"first:{float(self.seconds):g}s"


@dataclass(frozen=True)
class ClipOptions:
    """How a clip is cut, and what is written.

    over: path of a picture or a clip, a colour, `blur`, or None for the cutout itself.
    linear: mix in linear light. align, difference_prior, person_prior: as for stills.
    codec: name of the main output's codec, or None for the ending's.
    camera: whether the plate is searched anew in every frame ("handheld").
    temporal: "off", every frame by itself; "causal", the network knows what it said before;
    "auto", it does where its weights learned that; "smooth" and "lookahead", on top of "auto" alpha
    is held steady by the frames before, or before and after.
    lookahead: frames after (and before) that count then.
    holdout, garbage, prior: masks, as in `cutout`: a still for all frames, or a clip of masks.
    deinterlace, tone_map, rate (of numbered stills): as in `ClipReader`.
    sound: copy the sound of the clip.
    matte, foreground, report: further files to write. shown_name: of the clip in the report, None
    for that of its file. restart: drop what a stopped job did.
    model, quality, device, threads: as in `load_model`.
    bar: show on the terminal how far it is.
    part_frames: frames in a part; at most so many are lost when the job is killed.
    """

    over: str | None = None
    linear: bool = False
    align: bool = True
    difference_prior: bool = False
    person_prior: bool = True
    codec: str | None = None
    camera: Literal["fixed", "handheld"] = "fixed"
    temporal: Literal["auto", "off", "causal", "smooth", "lookahead"] = "auto"
    lookahead: int = 1
    holdout: Path | None = None
    garbage: Path | None = None
    prior: Path | None = None
    deinterlace: bool = False
    tone_map: bool = False
    rate: Fraction | None = None
    sound: bool = True
    matte: Path | None = None
    foreground: Path | None = None
    report: Path | None = None
    shown_name: str | None = None
    restart: bool = False
    model: str = "default"
    quality: str | None = None
    device: str = "auto"
    threads: int | None = None
    bar: bool = True
    part_frames: int = 120

    def reading(self) -> dict[str, Any]:
        """Give the arguments with which `ClipReader` reads the clip.

        Half of the cores are enough to decode; each of its threads holds frames, too.
        """
        return {
            "deinterlace": self.deinterlace,
            "tone_map": self.tone_map,
            "rate": self.rate,
            "threads": self.threads or max(1, usable_cores() // 2),
        }

    def held_steady(self) -> tuple[int, int]:
        """How many frames after and before each one hold its alpha steady."""
        ahead = self.lookahead if self.temporal == "lookahead" else 0
        return ahead, ahead if self.temporal != "smooth" else SMOOTH

    def masks(self) -> dict[str, Path]:
        """Give the masks by the names of their options."""
        given = {"prior": self.prior, "holdout": self.holdout, "garbage": self.garbage}
        return {name: path for name, path in given.items() if path is not None}

    def result_flags(self) -> dict[str, str]:
        """Name the options that the pictures depend on and their values, those not given left out.

        A job can go on only under the same ones.
        """
        temporal: str = self.temporal
        if temporal == "lookahead":
            temporal += f":{self.lookahead}"
        flags: dict[str, object] = {
            "--linear": self.linear,
            "--no-align": not self.align,
            "--prior": "difference" if self.difference_prior else not self.person_prior and "none",
            "--quality": self.quality if self.quality != "normal" else None,
            "--codec": self.codec,
            "--camera": self.camera,
            "--temporal": temporal,
            "--deinterlace": self.deinterlace,
            "--tone-map": self.tone_map,
            "--rate": self.rate,
            "--matte": self.matte,
            "--foreground": self.foreground,
        }
        return {
            name: "yes" if value is True else str(value)
            for name, value in flags.items()
            if value not in (None, False)
        }
