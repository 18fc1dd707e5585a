"""Shots with their plates: kept as files, cut, and looked at as pictures."""

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cleanplate.errors import InputError, renamed
from cleanplate.jobs.stills import StillsOptions, read_mask_of, read_opaque
from cleanplate.media.browser import jpeg_bytes, png_bytes
from cleanplate.media.cover import cover
from cleanplate.network import Model
from cleanplate.new_background import blurred
from cleanplate.pipeline import CutOptions, cutout
from cleanplate.plate import fit_plate
from cleanplate.studio.checking import facts, overlay
from cleanplate.studio.refusals import RefusedError

Prior = Literal["person", "difference", "none"]
View = Literal["frame", "plate", "check", "blur", "alpha", "cutout"]

FILES: dict[str, str] = {
    "frame": "view-frame.jpg",
    "plate": "view-plate.jpg",
    "check": "view-check.jpg",
    "blur": "view-blur.jpg",
    "alpha": "view-alpha.png",
    "cutout": "view-cutout.png",
}


@dataclass(frozen=True)
class CutWish:
    """How a shot is to be cut: prior and alignment as in `StillsOptions`."""

    prior: Prior = "person"
    align: bool = True


@dataclass
class Shot:
    """A frame and its plate in a folder of their own.

    title: the name of the frame's file on the client's machine, without its ending.
    name: known to the client only, so that nobody else finds it. check: what `facts` gave.
    revision: counts the cuts; 0 before the first. wish: of the last cut.
    masks: of the last cut, by their roles ("holdout", "garbage").
    """

    folder: Path
    title: str = "frame"
    name: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    frame: Path = Path()
    plate: Path = Path()
    size: tuple[int, int] = (0, 0)
    notes: list[str] = field(default_factory=list)
    check: dict[str, Any] = field(default_factory=dict)
    revision: int = 0
    seconds: float = 0.0
    wish: CutWish = CutWish()
    masks: dict[str, Path] = field(default_factory=dict)
    used: float = field(default_factory=time.monotonic)

    def names(self, masks: dict[str, Path] | None = None) -> dict[Path, str]:
        """Say what the client calls the files. masks: else those of the last cut."""
        shown = self.masks if masks is None else masks
        files = {"frame": self.frame, "plate": self.plate, **shown}
        return {path: f"The {role}" for role, path in files.items()}

    def facts(self) -> dict[str, Any]:
        """Say what a client may know."""
        height, width = self.size
        return {
            "id": self.name,
            "width": width,
            "height": height,
            "notes": self.notes,
            "check": self.check,
            "revision": self.revision,
            "seconds": round(self.seconds, 3),
        }

    def options(self) -> StillsOptions:
        """Options with which `cleanplate cut` makes what is seen."""
        return StillsOptions(
            holdout=self.masks.get("holdout"),
            garbage=self.masks.get("garbage"),
            difference_prior=self.wish.prior == "difference",
            person_prior=self.wish.prior == "person",
            align=self.wish.align,
        )


class Shelf:
    """The shots that are kept; the one used longest ago makes room for a new one."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder, self._most = folder, most
        self._shots: dict[str, Shot] = {}

    def __len__(self) -> int:
        return len(self._shots)

    def new(self) -> Shot:
        """Make an empty shot; it is found only after `add`."""
        shot = Shot(self._folder / f"shot-{secrets.token_hex(8)}")
        shot.folder.mkdir(parents=True)
        return shot

    def add(self, shot: Shot) -> None:
        """Keep a shot."""
        self._shots[shot.name] = shot
        while len(self._shots) > self._most:
            self.remove(min(self._shots.values(), key=lambda one: one.used).name)

    def get(self, name: str) -> Shot:
        """Find a shot. Raises RefusedError where there is none (any more)."""
        shot = self._shots.get(name)
        if shot is None:
            raise _gone()
        shot.used = time.monotonic()
        return shot

    @contextmanager
    def held(self, name: str) -> Iterator[Shot]:
        """Find a shot to work on, as `get`; that it was removed meanwhile is said in the same way.

        Its files are gone then, and what still works on them fails at one or the other.
        """
        shot = self.get(name)
        try:
            yield shot
        except Exception:
            if name in self._shots:
                raise
            shutil.rmtree(shot.folder, ignore_errors=True)  # what was written to it since
            raise _gone() from None

    def remove(self, name: str) -> None:
        """Forget a shot and remove its files."""
        shutil.rmtree(self.get(name).folder, ignore_errors=True)
        self._shots.pop(name, None)


def _gone() -> RefusedError:
    return RefusedError(404, "This shot is not kept any more: upload it again.")


def take_in(shot: Shot) -> None:
    """Read frame and plate of a shot, check the plate, and make the pictures of both.

    Raises InputError.
    """
    notes: list[str] = []
    frame = read_opaque(shot.frame, notes.append).picture
    plate = read_opaque(shot.plate, notes.append).picture
    aligned, report = fit_plate(plate, frame, refuse=False)
    shot.size = (frame.shape[0], frame.shape[1])
    shot.notes = [renamed(note, shot.names()).removeprefix("note: ") for note in notes]
    shot.check = facts(report)
    pictures = {
        "frame": frame,
        "plate": aligned.plate,
        "check": overlay(aligned, frame),
        "blur": blurred(cover(plate, shot.size)),
    }
    for view, picture in pictures.items():
        (shot.folder / FILES[view]).write_bytes(jpeg_bytes(picture, 92))


def cut(shot: Shot, wish: CutWish, masks: dict[str, Path], model: Model) -> None:
    """Cut a shot; makes matte and cutout anew.

    masks: by their roles, in a folder of their own, which is removed at the next cut.
    Raises InputError, PlateError; what was cut before stays then.
    """
    started = time.perf_counter()
    still = read_opaque(shot.frame, lambda _: None)
    plate = read_opaque(shot.plate, lambda _: None)
    made = cutout(
        still.picture,
        plate.picture,
        model=model,
        holdout=read_mask_of(masks.get("holdout"), shot.size),
        garbage=read_mask_of(masks.get("garbage"), shot.size),
        options=CutOptions(
            align=wish.align,
            difference_prior=wish.prior == "difference",
            person_prior=wish.prior == "person",
        ),
    )
    if not all(path.is_file() for path in masks.values()):
        raise InputError("The masks were removed while the shot was cut: send them again.")
    shot.seconds = time.perf_counter() - started
    (shot.folder / FILES["alpha"]).write_bytes(png_bytes(made.alpha))
    (shot.folder / FILES["cutout"]).write_bytes(png_bytes(made.foreground, made.alpha))
    for path in shot.masks.values():
        shutil.rmtree(path.parent, ignore_errors=True)
    shot.wish, shot.masks, shot.revision = wish, masks, shot.revision + 1
