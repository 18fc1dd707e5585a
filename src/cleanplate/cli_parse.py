"""Options of the command line that are more than a word or a number."""

import re
from fractions import Fraction
from typing import Any

from cleanplate.errors import InputError
from cleanplate.jobs.options import PlateFrom

MOST_AHEAD = 8  # frames; each one that waits is held in memory
LEAST_RATE, MOST_RATE = Fraction(1, 1000), Fraction(1000)  # frames a second
# Digits are counted: the number that 1e9999999 stands for takes longer than anybody waits.
RATE = re.compile(r"\d{1,9}/\d{1,9}|\d{1,4}(?:\.\d{0,20})?|\.\d{1,20}", re.ASCII)
FIRST = re.compile(r"first:(\d{1,3}(?:\.\d{0,3})?|\.\d{1,3})s?", re.ASCII)


def parse_rate(text: str | None) -> Fraction | None:
    """Read `--rate`: a number or a fraction of frames a second. Raises InputError for others.

    A number is a printout of a simple fraction: 23.976023976023978 is 24000/1001.
    """
    if text is None:
        return None
    try:
        rate = Fraction(text if RATE.fullmatch(text) else 0)
    except ZeroDivisionError:
        rate = Fraction(0)
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise InputError(
            f"--rate {text} is no rate: give frames a second, like 24 or 30000/1001, "
            f"at least {float(LEAST_RATE)} and at most {MOST_RATE}."
        )
    return rate if "/" in text else rate.limit_denominator(1001)


def parse_temporal(text: str) -> dict[str, Any]:
    """Read `--temporal`: auto, off, causal, smooth, lookahead, or that with frames (lookahead:3).

    Returns the options of the job. Raises InputError for anything else.
    """
    mode, _, count = text.replace(":", " ", 1).partition(" ")
    if mode in ("auto", "off", "causal", "smooth", "lookahead") and not count:
        return {"temporal": mode}
    if mode == "lookahead" and count.isdecimal() and 1 <= int(count) <= MOST_AHEAD:
        return {"temporal": mode, "lookahead": int(count)}
    raise InputError(
        f"--temporal {text} is not known: use auto, off, causal, smooth, or lookahead with the "
        f"frames that are waited for, 1 to {MOST_AHEAD} (lookahead:2)."
    )


def parse_plate_from(text: str) -> PlateFrom:
    """Read `--plate-from`: `clip`, or `first:` with seconds (first:2s, first:1.5).

    Raises InputError where it is neither.
    """
    if text == "clip":
        return PlateFrom(None)
    first = FIRST.fullmatch(text)
    if first is None or not Fraction(first[1]):
        raise InputError(
            f"--plate-from {text} is not known: use first:2s for the empty start of the clip "
            "(999 seconds at most), or clip for all of it."
        )
    return PlateFrom(Fraction(first[1]))
