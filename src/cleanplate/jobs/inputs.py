"""The inputs of a job: hashes that tell whether it may go on, and a guard against losing them."""

import glob
import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import av

from cleanplate.errors import InputError, OutputError
from cleanplate.jobs.manifest import hash_file, hash_files
from cleanplate.jobs.options import ClipOptions, PlateFrom
from cleanplate.media.clip_read import is_clip
from cleanplate.media.sequences import find_sequence, is_sequence
from cleanplate.network import Model


def hash_clip(path: Path) -> str:
    """SHA-256 of a file, or of all stills of a sequence. Raises InputError where it is missing."""
    if not is_sequence(path) and not path.exists():
        raise InputError(f"{path} does not exist: check the name and the folder.")
    return hash_files(find_sequence(path).paths) if is_sequence(path) else hash_file(path)


def given_to(
    clip: Path, plate: Path | PlateFrom, model: Model, options: ClipOptions
) -> dict[str, str]:
    """Name what the pictures of a job depend on, each with a hash or value; see `Manifest`."""
    weights = sorted(model.path.parent.glob(f"{glob.escape(model.path.stem)}.*onnx"))
    given = {"the weights": f"{model.device} {hash_files(weights)}"}
    files = options.masks()
    if isinstance(plate, Path):
        files["plate"] = plate
    else:
        given["--plate-from"] = str(plate)
    return given | given_files(clip, files, options)


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
        if is_over_clip(options.over) or path.exists():
            given[f"the new background {path.name}"] = hash_clip(path)
        else:
            given["--over"] = options.over
    return given


def is_over_clip(over: str) -> bool:
    """Whether `--over` names a clip; a colour like #0000ff is no pattern of numbered stills."""
    return (Path(over).is_dir() or "." in over) and is_clip(over)


def refuse_input_as_output(
    clip: Path, plate: Path | PlateFrom, out: str, options: ClipOptions
) -> None:
    """Raise OutputError where `out` is a file that is read, before its name is judged further."""
    path = Path(out)
    read = _inputs(clip, plate, options)
    if path.is_file() and any(_same(path, each) for each in read if each.exists()):
        raise OutputError(f"{path} is one of the inputs: choose another output.")


def check_places(
    clip: Path,
    plate: Path | PlateFrom,
    outputs: list[Path],
    options: ClipOptions,
) -> None:
    """See before the work starts that the outputs (files, or folders of stills) can be written.

    Raises OutputError if one is an input, is asked for twice, or has no folder to lie in.
    """
    inputs = _inputs(clip, plate, options)
    read = [place for path in inputs for place in (path, *_folder_of_stills(path))]
    written: set[str] = set()
    for path in outputs:
        real = os.path.realpath(path)
        if any(_same(path, place) for place in read):
            raise OutputError(f"{path} is one of the inputs: choose another output.")
        if real in written:
            raise OutputError(f"{path} was asked for twice: choose another name for one of them.")
        if not Path(real).parent.is_dir():
            raise OutputError(f"{path} cannot be written, its folder does not exist: create it.")
        written.add(real)


def _inputs(clip: Path, plate: Path | PlateFrom, options: ClipOptions) -> list[Path]:
    inputs = [clip, *([plate] if isinstance(plate, Path) else []), *options.masks().values()]
    return inputs + ([Path(options.over)] if options.over is not None else [])


def _folder_of_stills(path: Path) -> list[Path]:
    return [path.parent] if not path.is_dir() and is_sequence(path) else []


def _same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return os.path.realpath(one) == os.path.realpath(other)
