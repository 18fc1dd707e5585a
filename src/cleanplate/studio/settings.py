"""What the studio is allowed to do: who may come, how large, how many, how long."""

from dataclasses import dataclass
from pathlib import Path

MEGA = 1_000_000


@dataclass(frozen=True)
class Settings:
    """How a studio or server behaves.

    folder: temporary, of this process alone; removed at the end. token: what every client has to
    show, None for no one. hosts: names under which clients may call, None for any.
    picture_bytes, clip_bytes: of one upload. pixels: of one picture. camera_pixels: of one frame.
    waiting: cuts that may wait for the one at work. seconds: how long a request may take, once
    to come in and once to be answered. shots, clips, cameras: how many are kept at a time.
    model, device, threads: as in `load_model`.
    """

    folder: Path
    token: str | None = None
    hosts: tuple[str, ...] | None = None
    picture_bytes: int = 100 * MEGA
    clip_bytes: int = 4000 * MEGA
    pixels: int = 50 * MEGA
    camera_pixels: int = 1920 * 1088
    waiting: int = 8
    seconds: float = 120
    shots: int = 24
    clips: int = 8
    cameras: int = 2
    model: str = "default"
    device: str = "auto"
    threads: int | None = None
