"""Places of outputs: what a name means, whether two names are one, folders that are made."""

import errno
import os
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cleanplate.errors import OutputError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def identity(path: str | Path) -> object:
    """Tell what all names of one file or folder have in common, also before it is there."""
    try:
        found = os.stat(path)
    except OSError:
        return os.path.realpath(path)
    return found.st_dev, found.st_ino


def refuse_overwriting(read: Iterable[Path], written: Iterable[str | Path]) -> None:
    """Raise OutputError if a place to write to is one that is read, under whatever name."""
    known = set(map(identity, read))
    for place in written:
        if identity(place) in known:
            raise OutputError(f"{place} is one of the inputs: choose another output.")


def means_folder(out: str, endings: Container[str]) -> bool:
    """Whether `-o` means a folder: it is one, ends with a slash, or has no ending.

    endings: of the files that can be written, in lower case.
    Raises OutputError where a file is in the place of the folder, or a folder in that of the file.
    """
    path, is_folder = Path(out), os.path.isdir(out)
    if out.endswith((os.sep, "/")) or not path.suffix:
        if os.path.exists(path) and not is_folder:
            raise OutputError(f"{out} is a file, a folder was expected: choose another name.")
        return True
    if is_folder and path.suffix.lower() in endings:
        raise OutputError(
            f"{out} is a folder, a file was expected: choose another name, "
            f"or write {out}/ for stills in the folder."
        )
    return is_folder


def make_folder(folder: Path) -> None:
    """Make a folder, with those above it. Raises OutputError where that cannot be done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(
            f"{folder} cannot be made a folder ({problem.strerror}): choose another output."
        ) from problem


@contextmanager
def disk_full_explained(folder: Path) -> Iterator[None]:
    """Say what to do where the disk is full; what was there before is whole in any case."""
    try:
        yield
    except (OSError, OutputError) as problem:
        reasons = (problem, problem.__cause__, problem.__context__)
        if any(getattr(reason, "errno", None) in DISK_FULL for reason in reasons):
            raise OutputError(
                f"The disk is full: make room beside {folder} and give the same command again, "
                "it goes on after the parts that are done."
            ) from problem
        raise
