"""What can go wrong, in words: what came, what was expected, what to do."""

from collections.abc import Mapping
from pathlib import Path


class CleanplateError(Exception):
    """Root of every error that cleanplate raises on purpose.

    The message is one or two plain sentences for the person who runs the tool;
    the command line prints it as it is and exits with 2.
    """


class InputError(CleanplateError):
    """A file, picture or array that cannot be used as it came."""


class PlateError(CleanplateError):
    """A plate that does not show the scene of the frame, or cannot be aligned to it."""


class OutputError(CleanplateError):
    """A place that cannot be written, or that would overwrite an input."""


class DeviceError(CleanplateError):
    """A device that was asked for and is not there."""


class WeightsError(CleanplateError):
    """Weights that are missing, damaged or not made for this network."""


class MissingExtraError(CleanplateError):
    """A feature that needs an optional package which is not installed."""


def renamed(sentence: str, names: Mapping[Path, str]) -> str:
    """Put the names that a person knows in the place of paths of this machine."""
    for path, name in sorted(names.items(), key=lambda item: -len(str(item[0]))):
        sentence = sentence.replace(str(path), name)
    return sentence
