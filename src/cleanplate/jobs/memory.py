"""Keep the memory of a process with several threads low."""

import ctypes
import sys
from contextlib import suppress

M_ARENA_MAX = -8  # in glibc's malloc.h


def share_one_arena() -> None:
    """Let all threads take memory from one pool; to be called before they start.

    glibc gives each thread a pool of its own, and each keeps what it once needed: with HD frames
    that pass from thread to thread, some 100 MB more. Elsewhere nothing is done.
    """
    _of_glibc("mallopt", M_ARENA_MAX, 1)


def give_back() -> None:
    """Let the system have what lies free between what is in use.

    Pictures of several sizes come and go in one pool, and through a long clip the gaps between
    them grow. What comes next takes some milliseconds to be had again. Elsewhere nothing is done.
    """
    _of_glibc("malloc_trim", 0)


def _of_glibc(function: str, *values: int) -> None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            getattr(ctypes.CDLL(None), function)(*values)
