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
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
