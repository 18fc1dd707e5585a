"""A stand-in for the network and a scene to cut, for tests of the command line."""

import signal
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

import pools
from cleanplate.composite import over
from cleanplate.errors import DeviceError, PlateError
from cleanplate.media.stills import write_still
from commands import HEIGHT, WIDTH

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would the processes
# that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

SAMPLE = Path(str(resources.files("cleanplate"))) / "sample"


def _read(name: str, scale: float = 0.5) -> np.ndarray:
    pixels = cv2.imread(str(SAMPLE / name))
    assert pixels is not None
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small[..., ::-1])


@pytest.fixture(scope="session")
def frame() -> np.ndarray:
    """The bundled sample at half its size, as `plate` and `alpha_true`: H W 3, 8 bit."""
    return _read("frame.jpg")


@pytest.fixture(scope="session")
def plate() -> np.ndarray:
    return _read("plate.jpg")


@pytest.fixture(scope="session")
def alpha_true() -> np.ndarray:
    return _read("alpha.png")[..., :1].astype(np.float32) / 255


@dataclass(frozen=True)
class StandInCutout:
    alpha: np.ndarray
    foreground: np.ndarray

    def over(self, new_background, linear=False):
        return over(self.foreground, self.alpha, new_background, linear)


@pytest.fixture(scope="module")
def one_thread():
    """Torch on one thread: exact comparisons, and no quarrel over the cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def same_torch_numbers():
    """The same random numbers in every test."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2020)
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Tiny pools: the folders of foregrounds and backgrounds."""
    return pools.write_pools(tmp_path_factory.mktemp("pools"))


@pytest.fixture
def calls(monkeypatch):
    """Replace the network by thresholded difference and keep what it was asked."""
    from cleanplate import demo
    from cleanplate.jobs import stills as stills_job

    asked = []

    def stand_in(frame, plate=None, *, warn=None, **options):
        asked.append({"frame": frame, "plate": plate, **options})
        if frame.mean() > 0.9:
            raise PlateError("The plate does not show the scene of the frame: shoot it again.")
        if frame.shape == plate.shape and np.array_equal(frame, plate):
            warn("The plate is the frame itself, so nothing was cut.")
        difference = np.abs(frame - plate).max(axis=2, keepdims=True)
        return StandInCutout((difference > 0.1).astype(np.float32), frame)

    def load(name_or_path="default", device="auto", threads=None, quality="normal"):
        if device == "cuda":
            raise DeviceError("This machine has no CUDA device: use --device cpu.")
        given = {"model": name_or_path, "device": device, "threads": threads, "quality": quality}
        asked.append(given)
        return SimpleNamespace(for_stills="model")

    for module in (stills_job, demo):
        monkeypatch.setattr(module, "cutout", stand_in)
        monkeypatch.setattr(module, "load_model", load)
    return asked


@pytest.fixture
def scene(tmp_path, monkeypatch):
    """A folder with a plate and frames that have a red box in them."""
    monkeypatch.chdir(tmp_path)
    plate = np.full((HEIGHT, WIDTH, 3), 0.4, np.float32)
    write_still("plate.png", plate)
    for name in ("one.png", "two.png", "three.png"):
        frame = plate.copy()
        frame[6:18, 8:20] = (0.8, 0.2, 0.2)
        write_still(name, frame)
    return tmp_path


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A client of a studio of its own, for each module; needs the extra studio."""
    from studios import client_of

    with client_of(tmp_path_factory.mktemp("studio")) as client:
        yield client


@pytest.fixture(scope="module")
def pair():
    """Uploads of the bundled sample, small."""
    from studios import small

    return {"frame": small("frame.jpg"), "plate": small("plate.jpg")}
