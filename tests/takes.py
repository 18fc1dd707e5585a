"""Small clips with a subject that moves, and a stand-in for the pipeline that remembers."""

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

from cleanplate.media.stills import write_still
from cleanplate.pictures import to_picture

HEIGHT, WIDTH = 48, 64


def plate_picture() -> np.ndarray:
    """A scene with structure, H W 3 uint8."""
    rng = np.random.default_rng(5)
    blocks = rng.integers(60, 160, (6, 8, 3)).repeat(8, axis=0).repeat(8, axis=1)
    return blocks.astype(np.uint8)


def frame_picture(index: int) -> np.ndarray:
    """The scene with a red box that walks to the right, H W 3 uint8."""
    picture = plate_picture()
    left = (3 * index) % (WIDTH - 16)
    picture[12:36, left : left + 16] = (230, 30, 30)
    return picture


def write_take(path, count=20, rate=25, picture=frame_picture, pts=None, sound=False):
    """Write a lossless clip (FFV1, .mkv), with a tone if `sound` is asked for."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "bgr0"
        stream.time_base = Fraction(1, 1000)
        stream.codec_context.time_base = Fraction(1, 1000)
        tone = container.add_stream("pcm_s16le", rate=8000) if sound else None
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(picture(index), format="rgb24").reformat(
                format="bgr0"
            )
            frame.time_base = Fraction(1, 1000)
            frame.pts = pts[index] if pts else round(1000 * index / rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone is not None:
            samples = (8000 * np.sin(np.arange(8000 * count // rate) / 5)).astype(np.int16)
            heard = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
            heard.sample_rate, heard.pts = 8000, 0
            container.mux(tone.encode(heard))
            container.mux(tone.encode(None))


def write_scene(folder, **options):
    """Write take.mkv and plate.png."""
    write_still(folder / "plate.png", plate_picture().astype(np.float32) / 255)
    write_take(folder / "take.mkv", **options)


def frames_of(path) -> np.ndarray:
    """All frames of a clip, N H W 4 uint8."""
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgba") for f in container.decode(video=0)])


@dataclass(frozen=True)
class StandInCutout:
    alpha: np.ndarray
    foreground: np.ndarray


@dataclass(frozen=True)
class StandInNote:
    residual: float = 0.25
    gain: tuple = (1.0, 1.01, 0.99)
    agreement: float = 0.9
    uncertain: float = 0.05
    lost: bool = False
    words: str = ""


@dataclass(frozen=True)
class StandInState:
    """Remembers a trail of where the subject was, so that a lost state shows in every pixel."""

    trail: np.ndarray
    count: int

    def arrays(self):
        return {"trail": self.trail, "count": np.array(self.count)}

    @classmethod
    def from_arrays(cls, arrays):
        return cls(arrays["trail"], int(arrays["count"]))


def stand_in(frame, plate, state, *, model, options, **masks):
    """Cut by difference; half of the alpha before shines through. Masks hold."""
    frame, plate = to_picture(frame, "frame"), to_picture(plate, "plate")
    found = (np.abs(frame - plate).max(axis=2, keepdims=True) > 0.15).astype(np.float32)
    trail = found if state is None else 0.5 * found + 0.5 * state.trail
    trail = np.maximum(trail, masks.get("holdout", 0))
    trail = np.minimum(trail, 1 - masks.get("garbage", np.float32(0)))
    count = 1 if state is None else state.count + 1
    return StandInCutout(trail, frame), StandInState(trail, count), StandInNote(lost=count == 3)
