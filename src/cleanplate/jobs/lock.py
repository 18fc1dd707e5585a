"""One process at a time in a job folder. The system drops the lock however the process ends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cleanplate.errors import OutputError

LOCK = "lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make `folder` if need be and hold its lock, a file in it that is removed at the end.

    The folder is removed, too, if nothing else is in it.
    Raises OutputError where another process holds the lock or the folder cannot be made.
    """
    try:
        number = _acquire(folder)
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise OutputError(
            f"{folder} cannot be made the folder of the job ({reason}): choose another output."
        ) from problem
    try:
        yield
    finally:
        _release(folder, number)


def _acquire(folder: Path) -> int:
    path = folder / LOCK
    while True:
        with suppress(FileExistsError):
            folder.mkdir()
        with suppress(FileNotFoundError):  # another process removes its folder just now: again
            number = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            if not _try_lock(number):
                os.close(number)
                raise OutputError(
                    f"Another process works on {folder} already: wait for it, "
                    "stop it, or choose another output."
                )
            # What was locked may have been removed before; a lock on it would hold nobody off.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(number), os.stat(path)):
                    return number
            os.close(number)


def _release(folder: Path, number: int) -> None:
    if os.name != "nt":
        with suppress(FileNotFoundError):
            (folder / LOCK).unlink()  # while it is still held, so that it cannot be another's
    os.close(number)
    with suppress(OSError):  # another process may just have come; what is not empty stays
        if os.name == "nt":  # which removes no open file
            (folder / LOCK).unlink()
        folder.rmdir()


def _try_lock(number: int) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
