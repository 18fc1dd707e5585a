"""What a job writes: the files of each part, and at the end the whole outputs made of them."""

import errno
import os
import shutil
import sys
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cleanplate.composite import over
from cleanplate.errors import OutputError
from cleanplate.jobs.manifest import Job
from cleanplate.jobs.options import ClipOptions
from cleanplate.jobs.parts import CutFrame, Writer, part_name
from cleanplate.jobs.places import means_folder
from cleanplate.media.clip_codecs import CODECS, Codec, choose_codec, codec_notes
from cleanplate.media.clip_headers import Timing
from cleanplate.media.clip_info import ClipInfo
from cleanplate.media.clip_join import join_clips
from cleanplate.media.clip_sound import check_sound
from cleanplate.media.clip_write import ClipWriter
from cleanplate.media.replacing import replacing
from cleanplate.media.sequence_write import (
    SequenceWriter,
    join_sequences,
    numbered,
    pass_pattern,
)
from cleanplate.media.sequences import sequence_name, stills_of

Picture = NDArray[np.float32]

ENDINGS = {ending for codec in CODECS.values() for ending in codec.endings}


@dataclass(frozen=True)
class ClipOutput:
    """A clip to write, or numbered stills.

    role: "cutout", "composite", "matte" or "foreground". path: the file, or the pattern of the
    stills. passes: of stills that are written in several sequences, as in `SequenceWriter`.
    """

    role: str
    path: Path
    codec: Codec
    passes: tuple[str, ...] = ()

    @property
    def is_main(self) -> bool:
        """Whether it is what was asked for first, and has the sound."""
        return self.role in ("cutout", "composite")

    @property
    def place(self) -> Path:
        """The file; of stills the folder."""
        return self.path.parent if self.codec.is_sequence else self.path

    @property
    def patterns(self) -> tuple[Path, ...]:
        """What is written, by the names it gets: the file, or a pattern for each pass."""
        if not self.passes:
            return (self.path,)
        return tuple(pass_pattern(self.path, name) for name in self.passes)

    def is_there(self) -> bool:
        """Whether a file that is not empty lies at its place already, or stills of each pass."""
        if self.codec.is_sequence:
            return all(stills_of(pattern) for pattern in self.patterns)
        return is_filled(self.path)

    def part(self, first: int) -> str:
        """Name of what holds the part beginning at that frame, in the job's folder."""
        ending = "" if self.codec.is_sequence else self.path.suffix.lower()
        return f"{part_name(first)}.{self.role}{ending}"


def plan_clip_outputs(clip: Path, out: str, options: ClipOptions) -> tuple[ClipOutput, ...]:
    """Decide the clips to write, the main one first. Nothing is written yet.

    Raises OutputError where a name does not fit what is to be in the file.
    """
    if options.report is not None and options.report.suffix.lower() not in (".html", ".htm"):
        raise OutputError(f"--report {options.report} is to be a page: let its name end in .html.")
    others = []
    for role, path in (("matte", options.matte), ("foreground", options.foreground)):
        if path is None:
            continue
        codec = choose_codec(path, None, alpha=False)
        if codec.is_sequence:
            raise OutputError(
                f"--{role} {path} is a still: name a clip, or give a folder with -o, "
                "into which numbered stills of foreground and matte are written."
            )
        others.append(ClipOutput(role, path, codec))
    return (_main_output(clip, out, options), *others)


def _main_output(clip: Path, out: str, options: ClipOptions) -> ClipOutput:
    role, path = "cutout" if options.over is None else "composite", Path(out)
    if means_folder(out, ENDINGS):
        codec = CODECS.get(options.codec or "png")
        if codec is None or not codec.is_sequence:
            raise OutputError(
                f"{out} is a folder, into which numbered stills are written: "
                "use --codec png, tiff or exr, or name a file."
            )
        passes = ("FG", "Matte") if options.over is None else ("FG", "Matte", "Comp")
        name = f"{sequence_name(clip)}.%06d{codec.endings[0]}"
        return ClipOutput(role, path / name, codec, passes)
    codec = choose_codec(out, options.codec, alpha=role == "cutout")
    if codec.is_sequence:
        numbered(path, 0)  # refuses a name without a number
    return ClipOutput(role, path, codec)


def is_filled(path: Path) -> bool:
    """Whether it is a file, and not an empty one."""
    return os.path.isfile(path) and os.path.getsize(path) > 0


def refuse_other_takes(
    outputs: Sequence[ClipOutput], numbers: tuple[int, ...] | None, count: int | None
) -> None:
    """Raise OutputError where stills of another take would be left among those that are written.

    numbers: of the frames; None: from 0 on. count: of the frames; None where it is not known yet.
    """
    written: Container[int] = range(sys.maxsize if count is None else count)
    if numbers is not None:
        written = frozenset(numbers[:count])
    for pattern in (path for each in outputs if each.codec.is_sequence for path in each.patterns):
        others = [
            name
            for number, name in stills_of(pattern)
            if number not in written or name != numbered(pattern, number).name
        ]
        if others:
            raise OutputError(
                f"{pattern}: {len(others)} stills of another take lie there, which would be mixed "
                f"with the new ones ({others[0]} to {others[-1]}): remove them, or choose another "
                "name."
            )


def job_folder(out: str) -> Path:
    """Folder of the job that makes `out`: beside it, on the same disk."""
    path = Path(os.path.realpath(out))  # of a link: beside what it points to
    return path.with_name(f"{path.name}.job")


def open_files(
    folder: Path, first: int, outputs: tuple[ClipOutput, ...], clip: "Written"
) -> dict[str, Writer]:
    """Open the writers of the part that begins at the frame `first`, by the names of its files."""
    return {
        output.part(first): _FileWriter(folder / output.part(first), output, clip)
        for output in outputs
    }


def deliver(
    job: Job, outputs: tuple[ClipOutput, ...], timing: Timing, sound_from: Path | None
) -> None:
    """Join the parts of each output, verify it and put it in its place.

    sound_from: the clip whose sound is copied into cutout and composite, or None.
    Raises OutputError; what was at the outputs' places is then whole.
    """
    for output in outputs:
        parts = [job.folder / output.part(part.first) for part in job.manifest.parts]
        if output.codec.is_sequence:
            join_sequences(parts, output.place)
            continue
        whole = job.folder / f"whole-{output.role}{output.path.suffix.lower()}"
        sound = sound_from if output.is_main else None
        join_clips(parts, whole, output.codec, timing, sound_from=sound)
        move(whole, output.path)


def move(made: Path, path: Path) -> None:
    """Let a finished file take the place of `path`, on whatever disk that is."""
    try:
        os.replace(made, os.path.realpath(path))
    except OSError as problem:
        if problem.errno != errno.EXDEV:
            reason = problem.strerror or str(problem)
            raise OutputError(f"{path} cannot be written ({reason}).") from problem
        with replacing(path) as temporary:
            shutil.copyfile(made, temporary)


@dataclass(frozen=True)
class Written:
    """What all files of a job share. linear: whether composites are mixed in linear light.

    number: of the first frame, where stills are numbered.
    """

    height: int
    width: int
    timing: Timing
    bit_depth: int
    linear: bool
    numbers: tuple[int, ...] | None = None

    def number(self, index: int) -> int:
        """Tell which number the still of a frame gets: that of the input, where that has one."""
        return index if self.numbers is None else self.numbers[index]


class _FileWriter:
    """One file, or one folder of stills, of one part."""

    def __init__(self, path: Path, output: ClipOutput, clip: Written) -> None:
        self._output, self._linear, self._number = output, clip.linear, clip.number
        self._has_alpha = output.role == "cutout" or bool(output.passes)
        self._writer: ClipWriter | SequenceWriter
        if output.codec.is_sequence:
            path.mkdir(exist_ok=True)
            self._writer = SequenceWriter(
                path / output.path.name,
                alpha=self._has_alpha,
                bit_depth=clip.bit_depth,
                passes=output.passes,
            )
        else:
            self._writer = ClipWriter(
                path,
                output.codec,
                clip.height,
                clip.width,
                clip.timing,
                alpha=self._has_alpha,
                bit_depth=clip.bit_depth,
            )

    def write(self, cut: CutFrame, new_background: Picture | None) -> None:
        times = (cut.given.pts, cut.given.duration)
        alpha = cut.cutout.alpha if self._has_alpha else None
        picture = picture_of(self._output.role, cut, new_background, self._linear)
        if not isinstance(self._writer, SequenceWriter):
            self._writer.write(picture, alpha, *times)
            return
        number = self._number(cut.given.index)
        if self._output.passes:
            colour = cut.cutout.foreground
            self._writer.write(colour, alpha, *times, composite=picture, number=number)
        else:
            self._writer.write(picture, alpha, *times, number=number)

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        self._writer.abort()


def picture_of(role: str, cut: CutFrame, new_background: Picture | None, linear: bool) -> Picture:
    """Make the colours (H W 3, 0..1) that a clip of this role shows of a frame."""
    if role == "matte":
        return np.broadcast_to(cut.cutout.alpha, (*cut.cutout.alpha.shape[:2], 3))
    if role == "composite" and new_background is not None:
        mixed: Picture = over(cut.cutout.foreground, cut.cutout.alpha, new_background, linear)
        return mixed.astype(np.float32, copy=False)
    return cut.cutout.foreground


def output_notes(
    outputs: tuple[ClipOutput, ...], info: ClipInfo, options: ClipOptions
) -> list[str]:
    """Check that the sound fits, and say what the codecs change."""
    notes: list[str] = []
    for output in outputs:
        notes += codec_notes(
            output.codec,
            alpha=output.role == "cutout",
            bit_depth=info.bit_depth,
            height=info.height,
            width=info.width,
        )
        if output.is_main and options.sound and info.sounds:
            notes += check_sound(output.path, info.path)
    return notes
