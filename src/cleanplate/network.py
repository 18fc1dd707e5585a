"""The network as it runs: exported weights, at working size."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.channels import largest
from cleanplate.devices import choose_device, open_session, usable_cores
from cleanplate.errors import WeightsError
from cleanplate.motion import Memory, recall
from cleanplate.prediction import Coarse, Window

Picture = NDArray[np.float32]
# What tells from frame, plate (h w 3) and where it covers the frame (h w 1 or None) what differs,
# and what makes a prior of people and that (h w 1 each); see prior.py.
Guess = tuple[
    Callable[[Picture, Picture, Picture | None], Picture], Callable[[Picture, Picture], Picture]
]

MULTIPLE = 16  # the network halves its input four times
PEOPLE_PIXELS = 176 * 176  # at which the segmenter looks; it was trained on 160 x 160
SURE_BEFORE = 0.25  # where the plate's doubt is smaller, differences are mere noise
LIKELY = 0.3  # a prior that says less than this does not make the network look there
# Of the window: what differs from the plate by more than noise does, and room around it.
DIFFERENT = 0.05  # in the channel that differs most, of 0..1, after a 5 x 5 mean
MARGIN = 1 / 15  # of the small picture's longer side
SAVES = 0.8  # a window that is larger than this share of the picture is not worth a seam


@dataclass(frozen=True)
class EncodedPlate:
    """A plate at working size with the network's features of it: reuse it while it stands still."""

    plate: Picture  # 1 3 h w
    features: tuple[Picture, ...]
    source: Picture | None  # H W 3 that was encoded; None: no plate, this stands for it
    covered: Picture | None  # h w 1, 0 where it does not cover the frame; None: it covers all
    segmenter: "Segmenter | None"

    @cached_property
    def people(self) -> Picture | None:
        """Where the segmenter sees people in the plate, h w 1; looked for when first asked."""
        if self.source is None or self.segmenter is None:
            return None
        return self.segmenter(self.plate[0].transpose(1, 2, 0))

    def window(self, frame: Picture, surely: Picture) -> Window:
        """Where the network has to look: what differs from the plate, and room around it.

        frame: h w 3. surely: h w, above 0 where something else says that the subject may be.
        """
        height, width = frame.shape[:2]
        whole = Window(0, height, 0, width)
        if self.source is None:
            return whole
        most = largest(np.abs(frame - self.plate[0].transpose(1, 2, 0)))
        different = (cv2.blur(most, (5, 5)) > DIFFERENT).view(np.uint8)
        speckless = cv2.morphologyEx(different, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
        seen = np.asarray(speckless) | (surely > 0.02).view(np.uint8)
        left, top, across, down = cv2.boundingRect(seen)
        margin = round(MARGIN * max(height, width))
        ends = [
            _reach(begin - margin, begin + length + margin, side)
            for begin, length, side in ((top, down, height), (left, across, width))
        ]
        window = Window(*ends[0], *ends[1])
        area = (window.bottom - window.top) * (window.right - window.left)
        return window if area < SAVES * height * width else whole

    def features_in(self, window: Window) -> Iterator[Picture]:
        """Cut the features of the plate to a window."""
        for index, map_ in enumerate(self.features):
            step = 2 << index
            rows, columns = (
                slice(side.start // step, side.stop // step) for side in window.inside()
            )
            yield np.ascontiguousarray(map_[:, :, rows, columns])


class Segmenter:
    """An ONNX Runtime session that tells where people are, coarsely and without a plate.

    Call it with a frame (H W 3, 0..1): it returns the share of people in each pixel, H W 1, 0..1.
    """

    def __init__(self, path: Path, device: str = "cpu") -> None:
        # Its layers are too small to be shared out among threads.
        self._network = open_session(path, choose_device(device), 1)

    def __call__(self, frame: Picture) -> Picture:
        """Look at about PEOPLE_PIXELS of the frame; the answer is as soft as that is coarse."""
        height, width = frame.shape[:2]
        scale = (PEOPLE_PIXELS / (height * width)) ** 0.5
        rows, columns = (max(1, round(side * scale / 32)) * 32 for side in (height, width))
        logits = self._network.run(None, {"frame": _planes(_resize(frame, (rows, columns)))})[0]
        share = 1 / (1 + np.exp(-logits[0, 0]))
        enlarged = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(enlarged, np.float32)[..., None]


def new_people(share: Picture, before: Picture) -> Picture:
    """People who are in the frame and were not in the plate: pictures of people on a wall, say.

    share, before: what a person segmenter says of the frame and of the plate, H W 1, 0..1.
    Returns H W 1, 0..1: of what was nobody, how much is somebody now.
    """
    new = np.maximum(share - before, 0) / np.maximum(1 - before, SURE_BEFORE)
    return np.asarray(new, np.float32)


class Model:
    """An ONNX Runtime session for the network, its plate encoder and the tile refiner.

    Call it with a frame (H W 3, 0..1), an encoded plate, a soft prior (H W 1) or None and, in a
    clip, the memory that the last frame left. Without a prior it asks the person segmenter, unless
    `people` is off.
    `pixels` is the working size: about so many pixels, whatever the frame's size.
    """

    def __init__(
        self, path: Path, device: str, threads: int | None, pixels: int, people: bool = True
    ) -> None:
        self.path, self.pixels = path, pixels
        self.device, self.threads = choose_device(device), threads or usable_cores()
        self._network = open_session(path, self.device, self.threads)
        # Whether the weights learned from clips what to make of the last frame.
        self._memory_path = path.with_suffix(".memory.onnx")
        self.remembers = self._memory_path.is_file()
        self._plate_encoder = open_session(
            path.with_suffix(".plate.onnx"), self.device, self.threads
        )
        person = weights_path("person")
        self.segmenter = Segmenter(person, self.device) if people else None
        refiner = path.with_suffix(".refiner.onnx")
        # Tiles are shared out among threads by refine.py; more inside would only quarrel.
        self.refiner = open_session(refiner, self.device, 1) if refiner.is_file() else None

    @cached_property
    def _with_memory(self) -> Any:
        """The same network with one input more, which only clips need."""
        return open_session(self._memory_path, self.device, self.threads)

    def working_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width, multiples of 16, that a frame of this size is seen at."""
        scale = min(1.0, (self.pixels / (height * width)) ** 0.5)
        sides = (max(2, round(side * scale / MULTIPLE)) * MULTIPLE for side in (height, width))
        return next(sides), next(sides)

    def encode_plate(
        self, plate: Picture | None, height: int, width: int, valid: Picture | None = None
    ) -> EncodedPlate:
        """Features of a plate (H W 3) for frames of height x width; None stands for no plate.

        valid: H W 1, 0 where the plate does not cover the frame; None for everywhere.
        """
        size = self.working_size(height, width)
        # Training shows mid grey with no detail where there is no plate.
        small = np.full((*size, 3), 0.5, np.float32) if plate is None else _resize(plate, size)
        planes = _planes(small)
        features = tuple(self._plate_encoder.run(None, {"plate": planes}))
        covered = None if valid is None else _resize(valid, size)
        return EncodedPlate(planes, features, plate, covered, self.segmenter)

    def __call__(
        self,
        frame: Picture,
        plate: EncodedPlate,
        prior: Picture | None,
        memory: Memory | None = None,
        around: Picture | None = None,
        people: bool = True,
        guess: Guess | None = None,
    ) -> Coarse:
        """Predict alpha and foreground at working size.

        people: without a prior, make one of what the person segmenter says. guess: and, where
        there is a plate, of what differs from it.
        around: h w 1 at working size, above 0 where the subject was in the last frame of a clip;
        then the network looks only there and where the frame differs from the plate.
        """
        height, width = plate.plate.shape[2:]
        small = _resize(frame, (height, width))
        cue = np.zeros((height, width, 2), np.float32)
        if prior is None and people and self.segmenter is not None:
            prior = self._guess(small, plate, self.segmenter, guess)
        if prior is not None:
            cue[..., :1], cue[..., 1] = _resize(prior, (height, width)), 1
        pictures, network = {"frame": small, "prior": cue}, self._network
        if memory is not None and memory.frame.shape == small.shape:
            pictures["memory"], network = recall(memory, small), self._with_memory
        window = Window(0, height, 0, width)
        if around is not None and around.shape[:2] == small.shape[:2]:
            # In a clip speed counts; a still may have all the context there is.
            likely = np.where(cue[..., 0] > LIKELY, cue[..., 0], 0)
            window = plate.window(small, np.maximum(likely, around[..., 0]))
        rows, columns = window.inside()
        inputs = {name: _planes(each[rows, columns]) for name, each in pictures.items()}
        inputs["plate"] = np.ascontiguousarray(plate.plate[:, :, rows, columns])
        inputs |= {f"plate_features_{k}": map_ for k, map_ in enumerate(plate.features_in(window))}
        outputs = network.run(None, inputs)
        made = (np.ascontiguousarray(out[0].transpose(1, 2, 0)) for out in outputs)
        return Coarse(small, window, *made)

    def _guess(
        self, small: Picture, plate: EncodedPlate, segmenter: Segmenter, guess: Guess | None
    ) -> Picture:
        """Make a soft prior, h w 1: both halves of it at once, where there are threads."""
        if plate.people is None:  # no plate
            return segmenter(small)
        if guess is None:
            return new_people(segmenter(small), plate.people)
        differ, join = guess
        shown = plate.plate[0].transpose(1, 2, 0)
        halves = partial(segmenter, small), partial(differ, small, shown, plate.covered)
        with ThreadPoolExecutor(min(2, self.threads)) as pool:
            people, different = pool.map(lambda half: half(), halves)
        return join(new_people(people, plate.people), different)


def load_model(
    name_or_path: str | Path = "default",
    device: str = "auto",
    threads: int | None = None,
    pixels: int = 480 * 272,
    people: bool = True,
) -> Model:
    """Load shipped weights by name (`default`) or your own .onnx by path.

    people: with the person segmenter, which makes the prior where none is given.
    device: `cpu`, `cuda` or `auto` (CUDA where ONNX Runtime offers it). threads: of the CPU, all by
    default. pixels: working size of the network. Raises DeviceError, WeightsError.
    """
    return Model(weights_path(name_or_path), device, threads, pixels, people)


def weights_path(name_or_path: str | Path) -> Path:
    """Path of the shipped weights of that name, or the path itself."""
    if Path(name_or_path).suffix == ".onnx":
        return Path(name_or_path)
    folder = Path(str(resources.files("cleanplate"))) / "weights"
    name = "compact" if name_or_path == "default" else str(name_or_path)
    if not (folder / f"{name}.onnx").is_file():
        kept = (path.name for path in folder.glob("*.onnx"))
        shipped = sorted(file.split(".")[0] for file in kept if file.count(".") == 1)
        raise WeightsError(
            f"There are no weights named {name_or_path}; shipped are: "
            f"{', '.join(['default', *shipped])}. Or give the path of an .onnx file."
        )
    return folder / f"{name}.onnx"


def _reach(begin: int, end: int, side: int) -> tuple[int, int]:
    """Both ends moved apart to multiples of 16, inside 0 and `side`."""
    first = max(0, begin) // MULTIPLE * MULTIPLE
    last = min(side, -(-end // MULTIPLE) * MULTIPLE)
    return first, last


def _resize(picture: Picture, size: tuple[int, int]) -> Picture:
    method = cv2.INTER_AREA if size[0] <= picture.shape[0] else cv2.INTER_LINEAR
    resized = cv2.resize(picture, size[::-1], interpolation=method)
    return np.asarray(resized, np.float32).reshape(*size, -1)


def _planes(picture: Picture) -> Picture:
    return np.ascontiguousarray(picture.transpose(2, 0, 1)[None])
