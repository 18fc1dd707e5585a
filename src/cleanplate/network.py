"""The network as it runs: exported weights, at working size."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.channels import largest, planes, resize
from cleanplate.devices import choose_device, open_session, usable_cores
from cleanplate.errors import InputError, WeightsError
from cleanplate.motion import Memory, recall
from cleanplate.people import Segmenter, new_people
from cleanplate.prediction import MULTIPLE, Coarse, Window

Picture = NDArray[np.float32]
# What tells from frame, plate (h w 3) and where it covers the frame (h w 1 or None) what differs,
# and what makes a prior of people and that (h w 1 each); see prior.py.
Guess = tuple[
    Callable[[Picture, Picture, Picture | None], Picture], Callable[[Picture, Picture], Picture]
]

LIKELY = 0.3  # a prior that says less than this does not make the network look there
# Of the window: what differs from the plate by more than noise does, and room around it.
DIFFERENT = 0.05  # in the channel that differs most, of 0..1, after a 5 x 5 mean
MARGIN = 1 / 15  # of the small picture's longer side
SAVES = 0.8  # a window that is larger than this share of the picture is not worth a seam
STAYS = 0.5, 1.2  # in a clip the zoom stays while the window is of as many `pixels`


@dataclass(frozen=True)
class Look:
    """How closely the network looks: at about so many pixels, whatever the frame's size.

    Where a part of the frame is enough to look at, that part has them, as far as zooms allow: how
    much larger than `pixels` the whole picture may be for it.
    """

    pixels: int
    zooms: tuple[float, ...] = (1.0, 1.5, 2.25, 3.375)


LOOKS = {"normal": Look(592 * 336), "best": Look(768 * 432)}


@dataclass(frozen=True)
class EncodedPlate:
    """A plate at working size with the network's features of it: reuse it while it stands still."""

    plate: Picture  # 1 3 h w
    source: Picture | None  # H W 3 that was encoded; None: no plate, this stands for it
    covered: Picture | None  # h w 1, 0 where it does not cover the frame; None: it covers all
    segmenter: Segmenter | None
    encode: Callable[[Picture], tuple[Picture, ...]]
    _larger: dict[tuple[int, int], tuple[Picture, tuple[Picture, ...]]] = field(
        default_factory=dict
    )

    @cached_property
    def features(self) -> tuple[Picture, ...]:
        """The network's features of the whole plate, at working size."""
        return self.encode(self.plate)

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
        window = Window(
            max(0, top - margin),
            min(height, top + down + margin),
            max(0, left - margin),
            min(width, left + across + margin),
        )
        return window if window.area() < SAVES * height * width else whole

    def inputs(self, size: tuple[int, int], window: Window) -> Iterator[tuple[str, Picture]]:
        """Plate and features by the network's names for them, in a window of h x w pixels."""
        plate, features = self._at(size)
        for step, name, map_ in (
            (1, "plate", plate),
            *((2 << k, f"plate_features_{k}", map_) for k, map_ in enumerate(features)),
        ):
            rows, columns = (
                slice(side.start // step, side.stop // step) for side in window.inside()
            )
            yield name, np.ascontiguousarray(map_[:, :, rows, columns])

    def _at(self, size: tuple[int, int]) -> tuple[Picture, tuple[Picture, ...]]:
        """Plate and features at another size; those of the last one asked for are kept."""
        if self.source is None or size == self.plate.shape[2:]:
            return self.plate, self.features
        if size not in self._larger:
            self._larger.clear()
            plate = planes(resize(self.source, size))
            self._larger[size] = plate, self.encode(plate)
        return self._larger[size]


class Model:
    """An ONNX Runtime session for the network, its plate encoder and the tile refiner.

    Call it with a frame (H W 3, 0..1), an encoded plate, a soft prior (H W 1) or None and, in a
    clip, the memory that the last frame left. Without a prior it asks the person segmenter, unless
    `people` is off.
    `look` says how closely, and may be changed between two clips.
    """

    def __init__(
        self, path: Path, device: str, threads: int | None, look: Look, people: bool = True
    ) -> None:
        self.path, self.look = path, look
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

    def working_size(self, height: int, width: int, zoom: float = 1.0) -> tuple[int, int]:
        """Height and width, multiples of 16, that a frame of this size is seen at."""
        scale = min(1.0, (zoom * self.look.pixels / (height * width)) ** 0.5)
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
        small = np.full((*size, 3), 0.5, np.float32) if plate is None else resize(plate, size)
        covered = None if valid is None else resize(valid, size)
        return EncodedPlate(planes(small), plate, covered, self.segmenter, self._encode)

    def __call__(
        self,
        frame: Picture,
        plate: EncodedPlate,
        prior: Picture | None,
        before: Memory | None = None,
        recalls: bool = False,
        people: bool = True,
        guess: Guess | None = None,
    ) -> Coarse:
        """Predict alpha and foreground at working size.

        people: without a prior, make one of what the person segmenter says. guess: and, where
        there is a plate, of what differs from it.
        before: what the last frame of a clip left. It looks only where the subject was then, where
        the prior says so, and where frame and plate differ. recalls: be told what it said before.
        """
        height, width = plate.plate.shape[2:]
        small = resize(frame, (height, width))
        cue = np.zeros((height, width, 2), np.float32)
        if prior is None and people and self.segmenter is not None:
            prior = self._guess(small, plate, self.segmenter, guess)
        if prior is not None:
            cue[..., :1], cue[..., 1] = resize(prior, (height, width)), 1
        likely = np.where(cue[..., 0] > LIKELY, cue[..., 0], 0)
        if before is not None:
            likely = np.maximum(likely, resize(before.alpha, (height, width))[..., 0])
        window, size = plate.window(small, likely), (height, width)
        zoomed = self._zoomed(window, size, frame.shape[:2], before)
        if zoomed != size:
            small, cue = resize(frame, zoomed), resize(cue, zoomed)
        window = window.at(size, zoomed)
        inside = window.inside()
        pictures, network = {"frame": small[inside], "prior": cue[inside]}, self._network
        if recalls:  # also where nothing was before: two networks at work take more memory
            if before is not None:
                before = Memory(*(resize(each, zoomed)[inside] for each in vars(before).values()))
            pictures["memory"], network = recall(before, small[inside]), self._with_memory
        inputs = {name: planes(each) for name, each in pictures.items()}
        outputs = network.run(None, inputs | dict(plate.inputs(zoomed, window)))
        made = (np.ascontiguousarray(out[0].transpose(1, 2, 0)) for out in outputs)
        return Coarse(small, window, *made)

    def _zoomed(
        self,
        window: Window,
        size: tuple[int, int],
        full: tuple[int, ...],
        before: Memory | None,
    ) -> tuple[int, int]:
        """Size of the whole picture at which a window of it (at `size`) is as large as wanted."""
        whole = size[0] * size[1]

        def filled(other: tuple[int, ...]) -> float:
            return window.area() / whole * (other[0] * other[1]) / whole

        sizes = [self.working_size(full[0], full[1], zoom) for zoom in self.look.zooms]
        last = None if before is None else before.frame.shape[:2]
        if last in sizes and STAYS[0] <= filled(last) <= STAYS[1]:
            return last
        return max((one for one in sizes if filled(one) <= 1), default=size)

    def _encode(self, plate: Picture) -> tuple[Picture, ...]:
        return tuple(self._plate_encoder.run(None, {"plate": plate}))

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
    quality: str = "normal",
    people: bool = True,
) -> Model:
    """Load shipped weights by name (`default`) or your own .onnx by path.

    people: with the person segmenter, which makes the prior where none is given.
    device: `cpu`, `cuda` or `auto` (CUDA where ONNX Runtime offers it). threads: of the CPU, all by
    default. quality: `normal` or `best`, how closely it looks (see LOOKS).
    Raises DeviceError, WeightsError, and InputError for another quality.
    """
    if quality not in LOOKS:
        raise InputError(f"Quality {quality} is not known; use {' or '.join(LOOKS)}.")
    return Model(weights_path(name_or_path), device, threads, LOOKS[quality], people)


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
