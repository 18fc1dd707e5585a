"""What several commands refuse before any work is done."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

from cleanplate.errors import InputError, OutputError


def refuse_empty(words: Sequence[str]) -> None:
    """Raise InputError for an empty word of a command, which could mean the current folder."""
    for before, word in pairwise(("", *words)):
        if word and not re.fullmatch("--[^=]+=", word):
            continue
        given = word.rstrip("=") or (before if before.startswith("-") else "A word of the command")
        raise InputError(
            f"{given} is empty, which could mean the current folder: give a value, or leave it "
            "out (is a variable of the shell not set?)."
        )


def refuse_slips(words: Sequence[str], command: Any) -> None:
    """Raise InputError for an option given twice, or one of several values that lacks some.

    The last of two would count, unsaid, and another option would be taken for a value.
    words: what follows the command. command: of typer, with others in it or without.
    """
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    words = list(takewhile(lambda word: word != "--", words))
    for option in command.params:
        if option.param_type_name != "option" or option.multiple or option.is_flag:
            continue
        name = max(option.opts, key=len)
        places = [at for at, word in enumerate(words) if word.partition("=")[0] in option.opts]
        if len(places) > 1:
            raise InputError(f"{name} was given {len(places)} times: give it once.")
        values = words[places[0] + 1 :][: option.nargs] if places else []
        if option.nargs > 1 and any(value.startswith("-") for value in values):
            raise InputError(f"{name} takes {option.nargs} values: give them all.")


def refuse_urls(places: Mapping[str, object]) -> None:
    """Raise InputError for a place in a store, by its option: what is read or written here only."""
    for name, place in places.items():
        # A Path of it has one slash left.
        if place is not None and re.match(r"[A-Za-z][\w+.-]+:/", str(place)):
            raise InputError(
                f"{name} {place} is in a store, but must be on this machine: "
                "give a path, and copy it from or to the store yourself."
            )


def refuse_idle_linear(linear: bool, over: str | None) -> None:
    """Raise InputError where a composite is to be mixed in linear light, and none is made."""
    if linear and over is None:
        raise InputError(
            "--linear is how a composite is mixed, and none is made: add --over, or leave it out."
        )


def refuse_for_stills(
    frames: Sequence[str | Path], out: str, options: Mapping[str, object]
) -> None:
    """Refuse what no still can be cut or keyed of or with, before any work.

    options: those of clips, by their names; given are those that are not None and not False.
    Raises InputError, and OutputError as `refuse_name`.
    """
    given = [name for name, value in options.items() if value is not None and value is not False]
    if given:
        raise InputError(f"--{given[0]} is for clips, but the input is a still: leave it out.")
    for folder in (frame for frame in frames if Path(frame).is_dir()):
        raise InputError(
            f"The folder {folder} holds no clip and no numbered stills: name one that does, or "
            "pictures one by one."
        )
    refuse_name(out)
    _refuse_what_shows_nothing(frames, out)


def refuse_name(out: str) -> None:
    """Raise OutputError for `{name}`, where it does not stand for a name."""
    if "{name}" in out:
        raise OutputError(
            f"-o {out}: {{name}} stands for a name only where `cut` writes clips: "
            "give a file, or for several stills a folder, like cuts/."
        )


def is_moving(place: str | Path) -> bool:
    """Whether it is a clip; see `clip_read.is_moving`, which takes long to import."""
    from cleanplate.media import clip_read

    return clip_read.is_moving(place)


def holds_clips(place: str | Path) -> bool:
    """Whether it is a folder with videos in it."""
    from cleanplate.media.clip_read import clips_in

    folder = Path(place)
    return folder.is_dir() and bool(clips_in(folder))


def _refuse_what_shows_nothing(frames: Iterable[str | Path], out: str) -> None:
    """Raise InputError where a clip is to be written of what is neither a clip nor a picture."""
    from cleanplate.media.clip_read import STILL_ENDINGS, VIDEO_ENDINGS, inspect_clip
    from cleanplate.media.decode import check_file

    if Path(out).suffix.lower() not in VIDEO_ENDINGS:
        return
    for frame in map(Path, frames):
        check_file(frame)
        if frame.suffix.lower() not in STILL_ENDINGS:
            inspect_clip(frame)  # says what it is instead
