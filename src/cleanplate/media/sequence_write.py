"""Clips as numbered stills: PNG, TIFF or EXR, in one file a frame or in passes."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import OutputError
from cleanplate.media.replacing import PREFIX, replacing
from cleanplate.media.stills import write_still

Samples = NDArray[Any]

# The names that compositing programs' users know; each is a sequence of its own.
PASSES = ("FG", "Matte", "Comp")
_PLACE = re.compile(r"%0?(\d*)d|(#+)")


class SequenceWriter:
    """Writes one still (or one of each pass) a frame, each read back as it is written.

    They lie in a hidden folder beside their place until `close` moves them there. As a context
    manager it closes at the end of the block; an exception leaves nothing behind.
    """

    def __init__(
        self,
        pattern: str | Path,
        *,
        alpha: bool,
        bit_depth: int = 8,
        first: int = 0,
        passes: Sequence[str] = (),
    ) -> None:
        """Make the hidden folder. Numbers count from `first`.

        pattern: shot.%04d.png, shot.####.exr; the ending chooses the format.
        alpha: whether the picture is written with its alpha.
        bit_depth: 8, or more for 16 bit PNG and TIFF; EXR: half for 8, float for more.
        passes: of PASSES, each in files of its own (see `pass_pattern`): FG is the picture with
        its alpha, Matte the alpha alone (in EXR the same linear number), Comp the composite.
        None: the picture with its alpha, at `pattern` itself.
        Raises OutputError where the pattern names no number, or the folder cannot be written.
        """
        self._alpha, self._number = alpha, first
        self._bit_depth = 8 if bit_depth <= 8 else 16
        self._folder, self._name = Path(pattern).parent, Path(pattern).name
        self._passes = {name: pass_pattern(pattern, name).name for name in passes}
        self._written: list[str] = []
        numbered(pattern, first)  # refuses a pattern without a number
        try:
            self._temporary = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._folder))
        except OSError as problem:
            raise OutputError(
                f"{self._folder} cannot be written ({problem.strerror}): create it first."
            ) from problem

    def write(
        self,
        picture: Samples,
        alpha: Samples | None,
        pts: int,
        duration: int,
        composite: Samples | None = None,
        number: int | None = None,
    ) -> None:
        """Add one frame, as `ClipWriter.write`; stills have no times, so pts and duration go.

        composite: H W 3, for the pass Comp. number: of the still, the next one if left out.
        Raises OutputError where the disk refuses or a file does not read back as it was meant.
        """
        del pts, duration
        if number is not None:
            self._number = number
        shown = alpha if self._alpha else None
        if not self._passes:
            self._add(self._name, lambda path: self._write_picture(path, picture, shown))
        if "FG" in self._passes:
            self._add(self._passes["FG"], lambda path: self._write_picture(path, picture, shown))
        if "Matte" in self._passes and alpha is not None:
            self._add(self._passes["Matte"], lambda path: self._write_picture(path, alpha, None))
        if "Comp" in self._passes and composite is not None:
            self._add(self._passes["Comp"], lambda path: self._write_picture(path, composite, None))
        self._number += 1

    def close(self) -> None:
        """Move all stills to their place, over those of the same names.

        Raises OutputError where that fails, or where no frame was written.
        """
        try:
            if not self._written:
                raise OutputError(f"{self._folder / self._name} would be a clip without frames.")
            for name in self._written:
                os.replace(self._temporary / name, self._folder / name)
        except OSError as problem:
            raise OutputError(
                f"{self._folder} cannot be written ({problem.strerror})."
            ) from problem
        finally:
            self.abort()

    def abort(self) -> None:
        """Remove what is not in its place."""
        shutil.rmtree(self._temporary, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if problem is None:
            self.close()
        else:
            self.abort()

    def _add(self, pattern: str, write: Callable[[Path], None]) -> None:
        name = numbered(pattern, self._number).name
        write(self._temporary / name)
        self._written.append(name)

    def _write_picture(self, path: Path, picture: Samples, alpha: Samples | None) -> None:
        deep = None if alpha is None else _floats(alpha)
        write_still(path, _floats(picture), deep, self._bit_depth)


def numbered(pattern: str | Path, number: int) -> Path:
    """Put a number into a pattern: shot.%04d.png and 7 give shot.0007.png.

    Raises OutputError where the pattern has no place for one, or more than one.
    """
    folder, name = Path(pattern).parent, Path(pattern).name
    places = list(_PLACE.finditer(name))
    if len(places) != 1:
        raise OutputError(
            f"{pattern} must say once where the number goes: write %04d or ####, "
            "like shot.%04d.png."
        )
    place = places[0]
    digits = len(place[2]) if place[2] else int(place[1] or 0)
    return folder / f"{name[: place.start()]}{number:0{digits or 1}d}{name[place.end() :]}"


def pass_pattern(pattern: str | Path, name: str) -> Path:
    """Name the sequence of a pass: shot.####.exr and FG give shot_FG.####.exr.

    Raises OutputError as `numbered`.
    """
    numbered(pattern, 0)
    path = Path(pattern)
    place = _PLACE.search(path.name)
    assert place is not None
    before, rest = path.name[: place.start()], path.name[place.start() :]
    stem = before.rstrip("._-")
    return path.with_name(f"{stem}{'_' if stem else ''}{name}{before[len(stem) :] or '.'}{rest}")


def join_sequences(parts: Sequence[Path], folder: Path) -> None:
    """Put the stills of parts (folders) into one folder, over those of the same names.

    The parts stay as they are, so that this can be begun again after it was cut short.
    Raises OutputError where the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part in parts:
            for still in sorted(each for each in part.iterdir() if not each.name.startswith(".")):
                with replacing(folder / still.name) as temporary:
                    _copy(still, temporary)
    except OSError as problem:
        raise OutputError(f"{folder} cannot be written ({problem.strerror}).") from problem


def _copy(still: Path, place: Path) -> None:
    """Give the file a second name where the disk can, which takes no room; copy it otherwise."""
    place.unlink()
    try:
        os.link(still, place)
    except OSError:
        shutil.copyfile(still, place)


def _floats(samples: Samples) -> NDArray[np.float32]:
    if samples.dtype.kind == "f":
        return np.asarray(samples, np.float32)
    return samples.astype(np.float32) / np.float32(np.iinfo(samples.dtype).max)
