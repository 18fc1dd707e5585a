"""Single keys from the terminal, without Return, and the terminal as it was afterwards."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Keys(Protocol):
    """Gives the keys pressed since the last call."""

    def __call__(self) -> list[str]: ...  # noqa: D102


def no_keys() -> list[str]:
    """Nobody is at the terminal."""
    return []


@contextmanager
def terminal_keys() -> Iterator[Keys]:
    """Yield what reads keys from the terminal; nothing ever, where standard input is none."""
    if not (sys.stdin and sys.stdin.isatty()):
        yield no_keys
    elif sys.platform == "win32":
        yield _windows_keys
    else:
        import termios
        import tty

        number = sys.stdin.fileno()
        before = termios.tcgetattr(number)
        try:
            tty.setcbreak(number)
            yield _unix_keys
        finally:
            termios.tcsetattr(number, termios.TCSADRAIN, before)


def _unix_keys() -> list[str]:
    import os
    from select import select

    number, pressed = sys.stdin.fileno(), ""
    while select([number], [], [], 0)[0]:
        read = os.read(number, 64)
        if not read:
            break
        pressed += read.decode(errors="ignore")
    return list(pressed)


def _windows_keys() -> list[str]:
    import msvcrt

    pressed = []
    while msvcrt.kbhit():  # type: ignore[attr-defined, unused-ignore]
        pressed.append(msvcrt.getwch())  # type: ignore[attr-defined, unused-ignore]
    return pressed
