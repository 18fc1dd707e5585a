"""Files that appear whole or not at all."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cleanplate.errors import OutputError

PREFIX = ".cleanplate-"  # of the names of files that are not whole yet


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a new empty file beside `path`, which takes its place when the block ends well.

    If the block raises (Ctrl-C included) the new file is removed and what was at `path` stays.
    The new file keeps the ending of `path`, because encoders choose the format by it.
    Raises OutputError as `file_to_write`, and where the disk refuses.
    """
    target = file_to_write(path)
    temporary = target.with_name(f"{PREFIX}{secrets.token_hex(6)}{target.suffix}")
    try:
        temporary.touch(exist_ok=False)
        yield temporary
        os.replace(temporary, target)
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise OutputError(f"{path} cannot be written ({reason}).") from problem
    finally:
        temporary.unlink(missing_ok=True)


def file_to_write(path: str | Path) -> Path:
    """Find the file that is written under a name, before anything is; links are followed.

    Raises OutputError where it is a folder, or its folder is missing.
    """
    # A link is followed, so that os.replace renews what it points to and not the link.
    target = Path(os.path.realpath(path))
    folder = target.parent
    if os.path.isdir(target):
        raise OutputError(f"{path} is a folder, a file name was expected: add one, like out.png.")
    if not os.path.isdir(folder):
        wrong = "is a file" if os.path.exists(folder) else "does not exist: create it first"
        raise OutputError(f"{path} cannot be written, its folder {wrong}.")
    return target


def check_writable(path: str | Path) -> None:
    """Try that a file can be written under a name, and leave nothing; what is there stays.

    Raises OutputError as `file_to_write`, and where the folder may not be written in.
    """
    target = file_to_write(path)
    try:
        with suppress(FileNotFoundError):
            target.stat()  # which fails where the name is too long
        tempfile.TemporaryFile(prefix=PREFIX, dir=target.parent).close()
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise OutputError(
            f"{path} cannot be written ({reason}): choose another place."
        ) from problem


def remove_half_written(folder: Path) -> None:
    """Remove below `folder` what writers that were killed left there; nobody may be writing."""
    for path in folder.rglob(f"{PREFIX}*"):
        path.unlink(missing_ok=True)
