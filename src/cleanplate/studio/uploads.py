"""Uploads to files: named here, never by the client; what they are is told by their content."""

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

from fastapi import UploadFile
from starlette.concurrency import run_in_threadpool

from cleanplate.errors import CleanplateError
from cleanplate.media.browser import HEAD, clip_ending, still_ending
from cleanplate.media.clip_read import inspect_clip
from cleanplate.media.decode import size_of
from cleanplate.studio.refusals import RefusedError, for_client
from cleanplate.studio.settings import Settings

CHUNK = 1 << 20
LONGEST = 60  # characters of a shown name; four bytes each at most, and names end at 255

KNOWN = {
    "still": "JPEG, PNG, WebP, TIFF, HEIC, AVIF, BMP or EXR",
    "clip": "MP4, MOV, MKV, WebM, AVI or Y4M",
}


def shown_name(upload: UploadFile, otherwise: str) -> str:
    """Give the name of an upload for people to read: never the name of a file here.

    No folders, nothing that hides or turns letters, nothing that file systems refuse; at most
    LONGEST characters and the ending. otherwise: used where nothing is left.
    """
    last = re.split(r"[/\\]", upload.filename or "")[-1]
    spaced = re.sub(r"[\s<>:\"|?*]+", " ", unicodedata.normalize("NFC", last))
    seen = "".join(one for one in spaced if unicodedata.category(one)[0] != "C")
    name = Path(seen.lstrip(" .-").rstrip(" ."))
    return f"{name.stem[:LONGEST].rstrip()}{name.suffix[:12]}" or otherwise


async def keep_still(upload: UploadFile, folder: Path, name: str, settings: Settings) -> Path:
    """Write an uploaded picture to `folder`/`name` and the ending of what it is.

    Raises RefusedError for what is no still picture, or too large a one.
    """
    path = await _keep(upload, folder, name, (still_ending, "still"), settings.picture_bytes)
    await _check_size(path, name, size_of, settings)
    return path


async def keep_clip(
    upload: UploadFile, folder: Path, name: str, settings: Settings
) -> tuple[Path, tuple[int, int]]:
    """Write an uploaded clip to `folder`/`name` and the ending of what it is, like `keep_still`.

    Also returns height and width of its frames.
    """
    path = await _keep(upload, folder, name, (clip_ending, "clip"), settings.clip_bytes)
    return path, await _check_size(path, name, _clip_size, settings)


async def keep_either(upload: UploadFile, folder: Path, name: str, settings: Settings) -> Path:
    """Write an upload that may be a picture or a clip, as `keep_still` or `keep_clip` does."""
    head = await upload.read(HEAD)
    await upload.seek(0)
    if clip_ending(head):
        return (await keep_clip(upload, folder, name, settings))[0]
    return await keep_still(upload, folder, name, settings)


def _clip_size(path: Path) -> tuple[int, int]:
    info = inspect_clip(path)
    return info.height, info.width


async def _check_size(
    path: Path, name: str, size: Callable[[Path], tuple[int, int]], settings: Settings
) -> tuple[int, int]:
    try:
        height, width = await run_in_threadpool(size, path)
    except CleanplateError as problem:
        path.unlink(missing_ok=True)
        raise RefusedError(422, for_client(str(problem), {path: f"The {name}"})) from problem
    if height * width > settings.pixels:
        path.unlink(missing_ok=True)
        raise RefusedError(
            413,
            f"The {name} is {width} x {height} pixels, at most {settings.pixels / 1e6:g} "
            "megapixels were expected: scale it down, or cut it with `cleanplate cut`.",
        )
    return height, width


async def _keep(
    upload: UploadFile,
    folder: Path,
    name: str,
    kind: tuple[Callable[[bytes], str | None], str],
    most: int,
) -> Path:
    ending_of, known = kind
    start = await upload.read(CHUNK)
    if not start:
        raise RefusedError(422, f"The {name} is empty (0 bytes): choose another file.")
    ending = ending_of(start[:HEAD])
    if ending is None:
        raise RefusedError(
            415, f"The {name} is no file of a known kind: {KNOWN[known]} was expected."
        )
    if (upload.size or 0) > most:
        raise RefusedError(
            413, f"The {name} is larger than {most / 1e6:.0f} MB: scale or cut it down."
        )
    path = folder / f"{name}{ending}"
    with path.open("wb") as file:
        chunk = start
        while chunk:
            await run_in_threadpool(file.write, chunk)
            chunk = await upload.read(CHUNK)
    return path
