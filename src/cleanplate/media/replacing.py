"""Files that appear whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cleanplate.errors import OutputError

PREFIX = ".cleanplate-"  # of the names of files that are not whole yet


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a new empty file beside `path`, which takes its place when the block ends well.

    If the block raises (Ctrl-C included) the new file is removed and what was at `path` stays.
    The new file keeps the ending of `path`, because encoders choose the format by it.
    Raises OutputError where the folder is missing or cannot be written, or `path` is a folder.
    """
    # A link is followed, so that os.replace renews what it points to and not the link.
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise OutputError(f"{path} is a folder, a file name was expected: add one, like out.png.")
    if not target.parent.is_dir():
        raise OutputError(f"{path} cannot be written, its folder does not exist: create it first.")
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


def remove_half_written(folder: Path) -> None:
    """Remove below `folder` what writers that were killed left there; nobody may be writing."""
    for path in folder.rglob(f"{PREFIX}*"):
        path.unlink(missing_ok=True)
