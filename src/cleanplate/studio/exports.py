"""What `cleanplate cut` writes, made by the same code, as one file to download."""

import re
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cleanplate.errors import CleanplateError
from cleanplate.jobs.stills import StillsOptions, cut_stills
from cleanplate.network import Model
from cleanplate.studio.refusals import RefusedError, for_client
from cleanplate.studio.shots import Shot

Format = Literal["png", "webp", "tiff", "exr", "jpg", "zip"]

ENDINGS = {"png": ".png", "webp": ".webp", "tiff": ".tif", "exr": ".exr", "jpg": ".jpg"}
MEDIA_TYPES = {
    ".png": "image/png",
    ".webp": "image/webp",
    ".tif": "image/tiff",
    ".exr": "image/x-exr",
    ".jpg": "image/jpeg",
    ".zip": "application/zip",
}
COLOUR = re.compile(r"#[0-9a-fA-F]{6}\Z")


@dataclass(frozen=True)
class Export:
    """A file that was made. warnings: a sentence each."""

    path: Path
    warnings: tuple[str, ...]

    @property
    def media_type(self) -> str:
        """Of the file."""
        return MEDIA_TYPES[self.path.suffix]


def checked_over(over: str | None, picture: Path | None) -> str | None:
    """Choose what `--over` becomes: an uploaded picture, `blur`, a colour, or None.

    Never a name of the client's: `--over` would read a file of that name.
    Raises RefusedError for anything else.
    """
    if picture is not None:
        return str(picture)
    if over in (None, "", "none"):
        return None
    if over == "blur" or COLOUR.match(str(over)):
        return over
    raise RefusedError(
        422, "over: a colour like #1a2b3c, blur or none was expected; send a picture as background."
    )


def export(
    shot: Shot,
    options: StillsOptions,
    wanted: Format,
    model: Model,
    folder: Path,
) -> Export:
    """Cut a shot and write what `cleanplate cut` would to `folder`, with any options.

    Raises RefusedError in the client's words.
    """
    stem = "cutout" if options.over is None else "composite"
    target = folder / (stem if wanted == "zip" else f"{stem}{ENDINGS[wanted]}")
    said: list[str] = []
    names = {**shot.names(), target: "The result", folder: "The result"}
    if options.over is not None and Path(options.over).parent == folder:  # no colour
        names[Path(options.over)] = "The background"
    try:
        out = f"{target}/" if wanted == "zip" else str(target)
        cut_stills([shot.frame], shot.plate, out, options, said.append, model)
    except CleanplateError as problem:
        raise RefusedError(422, for_client(str(problem), names)) from problem
    if wanted == "zip":
        target = zipped(target, shot.frame.stem, shot.title)
    marked = [line.removeprefix("warning: ") for line in said if line.startswith("warning: ")]
    warnings = tuple(for_client(line, names) for line in marked)
    return Export(target, warnings)


def zipped(folder: Path, stem: str, shown: str) -> Path:
    """Put the files of a folder into FOLDER.zip and remove the folder.

    Names that begin with `stem`, the name that an upload has here, begin with `shown` in the ZIP.
    """
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:  # PNG is packed already
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{shown}{file.name.removeprefix(stem)}")
    shutil.rmtree(folder)
    return path
