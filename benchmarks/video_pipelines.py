"""From a clip to a cutout clip, ours and the rivals', each in a process of its own.

`python benchmarks/video_pipelines.py NAME JOB.json` runs one of PIPELINES once and prints seconds
and peak memory as JSON; benchmarks/video.py calls it. The rivals get what ours has: a thread that
decodes ahead, one that encodes behind, ONNX Runtime with as many threads, the same codec.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.jobs.clips import cut_clip
from cleanplate.jobs.options import ClipOptions
from cleanplate.jobs.threads import reading_ahead, writing_behind
from cleanplate.media.clip_codecs import choose_codec
from cleanplate.media.clip_colour import ColourTags
from cleanplate.media.clip_read import ClipFrame, ClipReader
from cleanplate.media.clip_write import ClipWriter, Timing
from cleanplate.media.stills import read_mask, read_still, write_still
from contestants import Setting, batch, open_session
from peers import RVM_RATIOS, exported, present
from rivals.install import weights_of
from scenes import SIZES, Scene, peak_mib, sample_scene

Picture = NDArray[np.float32]
Network = Callable[[Picture], tuple[Any, Any]]  # frame H W 3 -> foreground, alpha: 1 C H W

RATE = 24
SWAY = 0.05  # how far the subject of the clip goes to either side, in heights of the frame


@dataclass(frozen=True)
class ClipJob:
    """What is cut and how: file names, one of SIZES, and what all pipelines share."""

    clip: str
    plate: str
    out: str
    size: str
    threads: int
    device: str
    model: str

    def setting(self) -> Setting:
        """Make what the networks of the speed benchmark get; its scene holds the plate alone."""
        plate = read_still(self.plate).picture
        return Setting(self.size, Scene(plate, plate), self.threads, self.device, self.model)


def ours(temporal: Any, quality: str, job: ClipJob) -> None:
    """`cleanplate cut`: plate followed, network, full resolution, despill, parts, verified."""
    options = ClipOptions(
        temporal=temporal,
        quality=quality,
        model=job.model,
        device=job.device,
        threads=job.threads,
        restart=True,
    )
    cut_clip(Path(job.clip), Path(job.plate), job.out, options, lambda line: None)


def by_network(make: Callable[[Setting], Network] | None, job: ClipJob) -> None:
    """Cut frame by frame with a network; without one, decode and encode only."""
    network = make(job.setting()) if make else None
    with ClipReader(job.clip) as reader:
        info = reader.info
        timing = Timing(info.time_base, info.rate, reader.colour)
        codec = choose_codec(job.out, None, alpha=True)
        with (
            ClipWriter(job.out, codec, info.height, info.width, timing, alpha=True) as writer,
            reading_ahead(reader, 2) as frames,
            writing_behind(partial(_write, writer), 1) as put,
        ):
            for frame in frames:
                picture, alpha = _cut(frame, network)
                put((picture, alpha, frame.pts, frame.duration))


def robust_video_matting(setting: Setting) -> Network:
    """Run RVM with its memory of the frames before."""
    path = present(weights_of("rvm_mobilenetv3.onnx"), "rivals/install.py")
    session = open_session(path, setting)
    ratio = np.array([RVM_RATIOS[setting.size]], np.float32)
    memory: list[Any] = [np.zeros((1, 1, 1, 1), np.float32)] * 4

    def network(frame: Picture) -> tuple[Any, Any]:
        state = {f"r{number}i": kept for number, kept in enumerate(memory, 1)}
        given = {"src": batch(frame), "downsample_ratio": ratio}
        foreground, alpha, *memory[:] = session.run(None, given | state)
        return foreground, alpha

    return network


def background_matting(name: str, setting: Setting) -> Network:
    """Run BackgroundMattingV2 on frame after frame and the plate as it came."""
    session = open_session(present(exported(name, setting.size), "export_peers.py"), setting)
    plate = batch(setting.scene.plate)
    outputs = ["foreground", "alpha"]
    return lambda frame: tuple(session.run(outputs, {"frame": batch(frame), "plate": plate}))


PIPELINES: dict[str, tuple[str, Callable[[ClipJob], None]]] = {
    "cleanplate": ("**cleanplate**", partial(ours, "auto", "normal")),
    "cleanplate-off": ("cleanplate, `--temporal off`", partial(ours, "off", "normal")),
    "cleanplate-lookahead": (
        "cleanplate, `--temporal lookahead`",
        partial(ours, "lookahead", "normal"),
    ),
    "cleanplate-best": ("cleanplate, `--quality best`", partial(ours, "auto", "best")),
    "rvm": ("RVM MobileNetV3", partial(by_network, robust_video_matting)),
    "bmv2-mobilenetv2": (
        "BackgroundMattingV2 MobileNetV2",
        partial(by_network, partial(background_matting, "bmv2-mobilenetv2")),
    ),
    "bmv2-resnet50": (
        "BackgroundMattingV2 ResNet-50",
        partial(by_network, partial(background_matting, "bmv2-resnet50")),
    ),
    "copy": ("decode and encode, nothing between", partial(by_network, None)),
}


def write_sample_clip(folder: Path, size: str, frames: int) -> tuple[Path, Path]:
    """Write a clip in which the bundled sample's subject sways, and its plate.

    Returns their paths: H.264, 8 bits, 24 frames a second, and PNG.
    """
    scene, alpha = sample_scene(size), _sample_alpha(size)
    height, width = SIZES[size]
    premultiplied = scene.frame - (1 - alpha) * scene.plate
    clip, plate = folder / f"clip-{size}.mp4", folder / f"plate-{size}.png"
    write_still(plate, scene.plate)
    unsaid = ColourTags(None, None, None, None)
    timing = Timing(1 / Fraction(RATE), Fraction(RATE), unsaid)
    codec = choose_codec(clip, None, alpha=False)
    with ClipWriter(clip, codec, height, width, timing, alpha=False) as writer:
        for index in range(frames):
            away = round(SWAY * height * np.sin(2 * np.pi * index / RATE))
            light, matte = (np.roll(part, away, axis=1) for part in (premultiplied, alpha))
            frame = (light + (1 - matte) * scene.plate).clip(0, 1)
            writer.write(frame.astype(np.float32), None, index, 1)
    return clip, plate


def main() -> int:
    name, file = sys.argv[1:]
    job = ClipJob(**json.loads(Path(file).read_text(encoding="utf-8")))
    cv2.setNumThreads(job.threads)
    started = time.perf_counter()
    try:
        PIPELINES[name][1](job)
    except FileNotFoundError as problem:
        print(json.dumps({"missing": str(problem)}))
        return 0
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": round(seconds, 3), "peak_mib": peak_mib()}))
    return 0


def _write(writer: ClipWriter, item: tuple[Any, Any, int, int]) -> None:
    writer.write(*item)


def _cut(frame: ClipFrame, network: Network | None) -> tuple[Any, Any]:
    if network is None:
        return frame.picture, np.full((*frame.picture.shape[:2], 1), 255, np.uint8)
    scaled = frame.picture.astype(np.float32) / np.float32(np.iinfo(frame.picture.dtype).max)
    foreground, alpha = (
        np.ascontiguousarray(part[0].transpose(1, 2, 0)).clip(0, 1) for part in network(scaled)
    )
    return foreground, alpha


def _sample_alpha(size: str) -> Picture:
    """Bring the sample's alpha to where `sample_scene` puts its subject, H W 1."""
    height, width = SIZES[size]
    side = min(height, width)
    sample = Path(str(resources.files("cleanplate"))) / "sample" / "alpha.png"
    whole = read_mask(sample, read_still(sample).picture.shape[:2])
    alpha = np.zeros((height, width, 1), np.float32)
    top, left = (height - side) // 2, (width - side) // 2
    scaled = cv2.resize(whole, (side, side), interpolation=cv2.INTER_AREA)
    alpha[top : top + side, left : left + side, 0] = scaled
    return alpha


if __name__ == "__main__":
    sys.exit(main())
