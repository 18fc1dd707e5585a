"""The network as it runs: exported weights, at working size."""

import glob
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import cached_property, partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.channels import joined, mirrored, planes, resize
from cleanplate.devices import (
    choose_device,
    has_integer_products,
    open_session,
    usable_cores,
)
from cleanplate.encoded_plate import EncodedPlate, plate_at
from cleanplate.errors import InputError, WeightsError
from cleanplate.looks import LOOKS, WIDE, Look, Size, agreed, is_wider, without_holes
from cleanplate.motion import Memory, recall
from cleanplate.people import Segmenter, firmly, new_people
from cleanplate.prediction import Coarse, Window

Picture = NDArray[np.float32]
# What tells from frame, plate (h w 3) and where it covers the frame (h w 1 or None) what differs,
# and what makes a prior of people and that (h w 1 each); see prior.py.
Guess = tuple[
    Callable[[Picture, Picture, Picture | None], Picture], Callable[[Picture, Picture], Picture]
]

BEST = {"default": "large"}  # weights that look at stills at their best instead
INTEGER = ".integer"  # in the names of networks that compute in 8-bit integers
LIKELY = 0.3  # a prior that says less than this does not make the network look there


class Model:
    """An ONNX Runtime session for the network, its plate encoder and the tile refiner.

    Call it with a frame (H W 3, 0..1), an encoded plate, a soft prior (H W 1) or None and, in a
    clip, the memory that the last frame left. Without a prior it asks the person segmenter, unless
    `people` is off.
    `look` says how closely, and may be changed between two clips. best: weights that `for_stills`
    looks with; None: it is this model itself. integers: compute in 8-bit integers where the
    processor is quicker so, and the weights have a network for it.
    """

    def __init__(
        self,
        path: Path,
        device: str,
        threads: int | None,
        look: Look = LOOKS["normal"],
        people: bool = True,
        best: Path | None = None,
        integers: bool = False,
    ) -> None:
        self.path, self.look, self._best = path, look, best
        self.device, self.threads = choose_device(device), threads or usable_cores()
        self.integers = integers and self.device == "cpu" and has_integer_products()
        self._network = self._open("", self.threads)
        if not path.with_suffix(".plate.onnx").is_file():
            raise WeightsError(
                f"{path} has no {path.stem}.plate.onnx beside it, as networks of `cleanplate "
                "export` have: name one of these (a person segmenter cuts nothing)."
            )
        # Whether the weights learned from clips what to make of the last frame.
        self.remembers = path.with_suffix(".memory.onnx").is_file()
        self._plate_encoder = self._open(".plate", self.threads)
        person = weights_path("person")
        self.segmenter = Segmenter(person, self.device) if people else None
        # Tiles are shared out among threads by refine.py; more inside would only quarrel.
        refines = path.with_suffix(".refiner.onnx").is_file()
        self.refiner = self._open(".refiner", 1) if refines else None

    def _open(self, part: str, threads: int) -> Any:
        """Open what lies beside the network under its name and that of the part, or itself."""
        path = self.path.with_suffix(f"{part}.onnx")
        in_integers = self.path.with_suffix(f"{part}{INTEGER}.onnx")
        if self.integers and in_integers.is_file():
            path = in_integers
        return open_session(path, self.device, threads)

    @cached_property
    def _with_memory(self) -> Any:
        """The same network with one input more, which only clips need."""
        return self._open(".memory", self.threads)

    def looking(self, look: Look) -> "Model":
        """Give the same sessions with another look, at stills as well."""
        model = copy(self)
        model.look, model._best = look, None
        model.__dict__.pop("for_stills", None)
        return model

    @cached_property
    def for_stills(self) -> "Model":
        """What cuts stills: this, unless something is better at them (see `load_model`)."""
        if self._best is None:
            return self
        if self._best == self.path and not self.integers:
            return self.looking(LOOKS["best"])
        model = Model(self._best, self.device, self.threads, LOOKS["best"], people=False)
        model.segmenter = self.segmenter
        return model

    def encode_plate(
        self,
        plate: Picture | None,
        height: int,
        width: int,
        valid: Picture | None = None,
    ) -> EncodedPlate:
        """Make a plate (H W 3) ready for frames of height x width; None stands for no plate.

        valid: H W 1, 0 where the plate does not cover the frame; None for everywhere.
        """
        # Without a plate a close look only finds more things that might be people.
        look = WIDE if plate is None else self.look
        size = look.size(height, width)
        covered = None if valid is None else resize(valid, size)
        small = planes(plate_at(plate, size))
        return EncodedPlate(look, small, plate, covered, self.segmenter, self._encode)

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
        somebody = None
        if prior is None and people and self.segmenter is not None:
            prior, somebody = self._guess(small, plate, self.segmenter, guess)
        if prior is not None:
            cue[..., :1], cue[..., 1] = resize(prior, (height, width)), 1
        likely = np.where(cue[..., 0] > LIKELY, cue[..., 0], 0)
        if before is not None:
            likely = np.maximum(likely, resize(before.alpha, (height, width))[..., 0])
        size, full = (height, width), (frame.shape[0], frame.shape[1])
        window = plate.window(small, likely)
        share = window.area() / (height * width)
        last = None if before is None else before.frame.shape[:2]
        closer, wider = plate.look.zoomed(share, full, last), WIDE.zoomed(share, full, None)

        def look(at: Size, mirrors: bool) -> Coarse:
            seen = (small, cue) if at == size else (resize(frame, at), resize(cue, at))
            return self._look(*seen, plate, window.at(size, at), before, recalls, mirrors)

        said = look(closer, plate.look.mirrors)
        if is_wider(wider, closer):
            said = agreed(said, look(wider, False))
        return said if somebody is None else without_holes(said, somebody)

    def _look(
        self,
        small: Picture,
        cue: Picture,
        plate: EncodedPlate,
        window: Window,
        before: Memory | None,
        recalls: bool,
        mirrors: bool,
    ) -> Coarse:
        """Run the network on a window of a frame, h w 3, and of its prior, h w 2."""
        size, inside = (small.shape[0], small.shape[1]), window.inside()
        pictures, network = {"frame": small[inside], "prior": cue[inside]}, self._network
        if recalls:  # also where nothing was before: two networks at work take more memory
            if before is not None:
                before = Memory(*(resize(each, size)[inside] for each in vars(before).values()))
            pictures["memory"], network = recall(before, small[inside]), self._with_memory
        outputs = _run(network, pictures, plate.inputs(size, window))
        if mirrors:
            pictures = {name: mirrored(each) for name, each in pictures.items()}
            beyond = plate.inputs(size, window, mirrors=True)
            for one, other in zip(outputs, _run(network, pictures, beyond), strict=True):
                one += mirrored(other)
                one *= 0.5
        return Coarse(small, window, *outputs)

    def _encode(self, plate: Picture) -> tuple[Picture, ...]:
        return tuple(self._plate_encoder.run(None, {"plate": plate}))

    def _guess(
        self, small: Picture, plate: EncodedPlate, segmenter: Segmenter, guess: Guess | None
    ) -> tuple[Picture, Picture]:
        """Make a soft prior of where people are and what differs, both h w 1; and the former."""
        if plate.people is None:  # nothing else tells, and of half a guess the network makes much
            people = firmly(segmenter(small))
            return people, people
        if guess is None:
            people = new_people(segmenter(small), plate.people)
            return people, people
        differ, join = guess
        shown = plate.plate[0].transpose(1, 2, 0)
        # Both at once, where there are threads.
        halves = partial(segmenter, small), partial(differ, small, shown, plate.covered)
        with ThreadPoolExecutor(min(2, self.threads)) as pool:
            people, different = pool.map(lambda half: half(), halves)
        people = new_people(people, plate.people)
        return join(people, different), people


def _run(
    network: Any, pictures: dict[str, Picture], plate: Iterator[tuple[str, Picture]]
) -> list[Picture]:
    """Run the network on pictures h w C by its names for them: what it says, each h w C."""
    outputs = network.run(
        None, {name: planes(each) for name, each in pictures.items()} | dict(plate)
    )
    return [joined(*out[0]).reshape(*out.shape[2:], -1) for out in outputs]


def load_model(
    name_or_path: str | Path = "default",
    device: str = "auto",
    threads: int | None = None,
    quality: str | None = None,
    people: bool = True,
    integers: bool = True,
) -> Model:
    """Load shipped weights by name (`default`) or your own .onnx by path.

    people: with the person segmenter, which makes the prior where none is given.
    device: `cpu`, `cuda` or `auto` (CUDA where ONNX Runtime offers it). threads: of the CPU, all by
    default. quality: `normal` or `best`, how closely it looks (see LOOKS); None: best at stills,
    normal at the frames of clips. The default looks at stills at its best with the weights `large`.
    integers: at normal quality compute in 8-bit integers where the processor is quicker so, at next
    to no loss; False: in floating point, with the same result on all processors.
    Raises DeviceError, WeightsError, and InputError for another quality or no threads.
    """
    if threads is not None and not (isinstance(threads, (int, np.integer)) and threads > 0):
        raise InputError(
            f"Threads are {threads!r}; expected a whole number from 1 on, or None for all."
        )
    if quality is not None and quality not in LOOKS:
        raise InputError(f"Quality {quality} is not known; use {' or '.join(LOOKS)}.")
    look = LOOKS[quality or "normal"]
    named = str(name_or_path)
    best = None if quality == "normal" else weights_path(BEST.get(named, named))
    integers = integers and quality != "best"
    return Model(weights_path(name_or_path), device, threads, look, people, best, integers=integers)


def files_of(weights: Path) -> list[Path]:
    """List all files that belong to exported weights, NAME.onnx, beside them."""
    return sorted(weights.parent.glob(f"{glob.escape(weights.stem)}.*onnx"))


def weights_path(name_or_path: str | Path) -> Path:
    """Path of the shipped weights of that name, or the path itself."""
    if Path(name_or_path).suffix == ".onnx":
        return Path(name_or_path)
    folder = Path(str(resources.files("cleanplate"))) / "weights"
    name = "compact" if name_or_path == "default" else str(name_or_path)
    if not (folder / f"{name}.onnx").is_file():
        shipped = sorted(path.name.split(".")[0] for path in folder.glob("*.plate.onnx"))
        raise WeightsError(
            f"There are no weights named {name_or_path}; shipped are: "
            f"{', '.join(['default', *shipped])}. Or give the path of an .onnx file."
        )
    return folder / f"{name}.onnx"
