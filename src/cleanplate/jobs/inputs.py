"""The inputs of a job: hashes that tell whether it may go on, and a guard against losing them."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import av
import numpy as np

from cleanplate.errors import InputError, OutputError
from cleanplate.jobs.manifest import hash_file, hash_files
from cleanplate.jobs.options import ClipOptions, PlateFrom
from cleanplate.jobs.outputs import ClipOutput
from cleanplate.jobs.places import identity, refuse_overwriting
from cleanplate.media.clip_file import check_file
from cleanplate.media.clip_read import ClipFrame, ClipReader, is_clip
from cleanplate.media.replacing import check_writable
from cleanplate.media.sequences import find_sequence, is_sequence
from cleanplate.network import Model, files_of


def hash_clip(path: Path) -> str:
    """SHA-256 of a file, or of all stills of a sequence.

    Raises InputError where it is missing, empty, or cannot be read.
    """
    try:
        if os.path.isdir(path) or is_sequence(path):
            return hash_files(find_sequence(path).paths)
        check_file(path)
        return hash_file(path)
    except OSError as problem:
        raise InputError(f"{path} cannot be read ({problem.strerror}).") from problem


def given_to(
    clip: Path, plate: Path | PlateFrom, model: Model, options: ClipOptions
) -> dict[str, str]:
    """Name what the pictures of a job depend on, each with a hash or value; see `Manifest`."""
    numbers = "integers" if model.integers else "floats"
    given = {"the weights": f"{model.device} {numbers} {hash_files(files_of(model.path))}"}
    if not isinstance(plate, Path):
        given["--plate-from"] = str(plate)
    return given | given_files(clip, files_besides(plate, options), options)


def files_besides(plate: Path | PlateFrom, options: ClipOptions) -> dict[str, Path]:
    """Name the masks and the plate that are read, besides the clip."""
    return options.masks() | ({"plate": plate} if isinstance(plate, Path) else {})


def given_files(clip: Path, files: Mapping[str, Path], options: ClipOptions) -> dict[str, str]:
    """Of what `given_to` names, what every job has; files: by what they are, like "plate"."""
    given = {
        f"the input {clip.name}": hash_clip(clip),
        "the version of cleanplate or PyAV": f"{version('cleanplate')} {av.__version__}",
        **options.result_flags(),
    }
    for name, path in files.items():
        given[f"the {name} {path.name}"] = hash_clip(path)
    if options.over is not None:
        path = Path(options.over)
        if _is_over_file(options.over):
            given[f"the new background {path.name}"] = hash_clip(path)
        else:
            given["--over"] = options.over
    return given


def is_over_clip(over: str) -> bool:
    """Whether `--over` names a clip; a colour like #0000ff is no pattern of numbered stills."""
    return (os.path.isdir(over) or "." in over) and is_clip(over)


def _is_over_file(over: str) -> bool:
    """Whether `--over` names a picture or a clip, and no colour."""
    return is_over_clip(over) or os.path.exists(over)


def places_read(clip: Path, files: Iterable[Path], options: ClipOptions) -> list[Path]:
    """List all that a job reads: the clip, files besides it, and the new background."""
    over = [Path(options.over)] if options.over and _is_over_file(options.over) else []
    return [clip, *files, *over]


def refuse_input_as_output(read: Iterable[Path], out: str) -> None:
    """Raise OutputError where `out` is a file that is read, before its name is judged further."""
    if os.path.isfile(out):
        refuse_overwriting(read, [Path(out)])


def check_places(read: Iterable[Path], outputs: Sequence[ClipOutput], report: Path | None) -> None:
    """See before the work starts that the outputs and the report can be written.

    read: as from `places_read`.
    Raises OutputError if one is an input or is asked for twice, and as `check_writable`.
    """
    places = [(output.place, output.path) for output in outputs]
    places += [(report, report)] if report else []
    inputs = (place for path in read for place in (path, *_folder_of_stills(path)))
    refuse_overwriting(inputs, (place for place, _ in places))
    written: set[object] = set()
    for place, path in places:
        known = identity(place)
        if known in written:
            raise OutputError(f"{place} was asked for twice: choose another name for one of them.")
        check_writable(path if os.path.exists(place) else place)  # a folder of stills is made
        written.add(known)


def _folder_of_stills(path: Path) -> list[Path]:
    return [path.parent] if not os.path.isdir(path) and is_sequence(path) else []


def opaque(reader: ClipReader) -> Iterator[ClipFrame]:
    """Read the frames of a clip; refuse those that are cut out already."""
    for frame in reader:
        if frame.alpha is not None and frame.alpha.min() < np.iinfo(frame.alpha.dtype).max * 0.99:
            raise InputError(
                f"{reader.info.path} is transparent in places, as if it were cut out already: "
                "give the untouched clip."
            )
        yield frame
