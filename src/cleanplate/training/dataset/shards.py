"""Tar shards in webdataset's layout, written whole or not at all, and the same on every machine."""

import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import OutputError
from cleanplate.jobs.manifest import hash_file
from cleanplate.jobs.places import make_folder
from cleanplate.media.replacing import replacing
from cleanplate.training.data import read_pool
from cleanplate.training.dataset.manifest import ROLES, Shard
from cleanplate.training.synthesis import Recipe, synthesize

QUALITY = 95  # of JPEG, without chroma subsampling

File = tuple[str, bytes]


@dataclass(frozen=True)
class CompositeTask:
    """A shard of composites to make.

    folder: of the data set, the same on every machine. split: whose pools. first: number of the
    first sample, which with `seed` says all of it. size: pixels a side.
    """

    folder: Path
    split: str
    index: int
    first: int
    count: int
    size: int
    seed: int

    @property
    def path(self) -> str:
        """Of the shard, below the folder."""
        return f"{self.split}/composites/{self.index:06d}.tar"


def make_composites(task: CompositeTask) -> Shard:
    """Write one shard of composites; the work of one machine.

    A sample KEY has KEY.composite.jpg (the frame as the camera gives it), KEY.plate.jpg,
    KEY.foreground.jpg (straight), KEY.alpha.png and KEY.json (seed, split and validity of the
    plate). Raises InputError where the pools cannot be read, OutputError.
    """
    cv2.setNumThreads(1)
    pools = [
        read_pool(task.folder / task.split / kind, kind == "foregrounds")
        for kind in ("foregrounds", "backgrounds")
    ]
    stream = [task.seed, task.split == "held-out"]

    def samples() -> Iterable[File]:
        for number in range(task.first, task.first + task.count):
            rng = np.random.default_rng([*stream, number])
            sample = synthesize(rng, pools[0], pools[1], Recipe(size=task.size))
            pictures = (sample["frame"], sample["plate"], sample["foreground"], sample["alpha"])
            key = f"{number:08d}"
            for role, picture in zip(ROLES, pictures, strict=True):
                ending = ".png" if role == "alpha" else ".jpg"
                pixels = np.round(picture.clip(0, 1) * 255).astype(np.uint8)
                yield f"{key}.{role}{ending}", encoded(pixels, ending)
            said = {
                "seed": [*map(int, stream), number],
                "split": task.split,
                "valid_plate": round(float(sample["valid"].mean()), 4),
            }
            yield f"{key}.json", json.dumps(said).encode()

    return write_shard(task.folder, task.path, samples(), task.count)


def write_shard(folder: Path, path: str, files: Iterable[File], samples: int) -> Shard:
    """Write a tar, and beside it a note that it is whole, by which a later run knows it.

    Raises OutputError where the disk refuses.
    """
    whole = folder / path
    make_folder(whole.parent)
    with replacing(whole) as temporary:
        with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
            for name, content in files:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        shard = Shard(path, samples, temporary.stat().st_size, hash_file(temporary))
    with replacing(_note(whole)) as temporary:
        temporary.write_text(json.dumps(asdict(shard)), encoding="utf-8")
    return shard


def done_shard(folder: Path, path: str) -> Shard | None:
    """Return a shard that an earlier run made whole, None if it is missing or damaged."""
    whole = folder / path
    try:
        shard = Shard(**json.loads(_note(whole).read_text(encoding="utf-8")))
        intact = whole.stat().st_size == shard.size and hash_file(whole) == shard.sha256
    except (OSError, ValueError, TypeError):
        return None
    return shard if intact else None


def drop_notes(folder: Path, shards: Iterable[Shard]) -> None:
    """Remove the notes; the manifest says the same from now on."""
    for shard in shards:
        _note(folder / shard.path).unlink(missing_ok=True)


def encoded(pixels: NDArray[np.uint8], ending: str) -> bytes:
    """Encode H W 3 (RGB) or H W 1, 8 bit, as .jpg or .png."""
    shown = pixels[..., ::-1] if pixels.shape[2] == 3 else pixels
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY] if ending == ".jpg" else []
    if ending == ".jpg":
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    made, content = cv2.imencode(ending, np.ascontiguousarray(shown), options)
    if not made:
        raise OutputError(f"A picture of {pixels.shape} cannot be encoded as {ending}.")
    return content.tobytes()


def _note(whole: Path) -> Path:
    return whole.with_suffix(".done")
