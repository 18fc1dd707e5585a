"""Keep the memory of a process with several threads low."""

import ctypes
import sys
from contextlib import suppress

# Numbers in glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
LARGE = 8_000_000  # bytes; alpha of 1920 x 1080 in floating point takes 8.3 million
KEPT = 1 << 20  # bytes at the end of the pool; of 24 times as many it made 100 MB in 4,500 frames


def share_one_arena() -> None:
    """Let all threads take memory from one pool; to be called before they start.

    glibc gives each thread a pool of its own, and each keeps what it once needed: with HD frames
    that pass from thread to thread, some 100 MB more. Large pieces are taken from the system and
    given back to it: in the pool, the gaps that they leave are never quite filled, which through a
    long clip takes 50 to 80 MB. (What networks compute with is not among them: ONNX Runtime holds
    on to its own.) Elsewhere nothing is done.
    """
    _of_glibc("mallopt", M_ARENA_MAX, 1)
    _of_glibc("mallopt", M_MMAP_THRESHOLD, LARGE)
    _of_glibc("mallopt", M_TRIM_THRESHOLD, KEPT)


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
