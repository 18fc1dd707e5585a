"""What `cleanplate live` was asked to do."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DetailName = Literal["auto", "full", "half", "low", "least"]
DEVICE_SIZE = (720, 1280)  # height, width that a device is asked for where nothing is said


@dataclass(frozen=True)
class LiveOptions:
    """How a camera is cut, and where the frames go.

    camera, play: as for `open_camera`. size: height, width of all that is shown, None for 720p of
    a device and for the size of a file. rate: frames a second at most.
    plate: a picture of the empty scene; None: shoot it after `countdown` seconds. save_plate: where
    to keep the one that was shot. over: new backgrounds, in the order in which the key shows them.
    detail: see `DETAILS`; "auto" takes the best that keeps pace.
    preview: open a window. virtual_camera: name of the device, "" for the usual one, None for
    none. record: a clip to write. serve: port of the browser source, 0 for any that is free.
    seconds: stop after so long, None for never. threads, model, device: as in `load_model`.
    """

    camera: str = "0"
    play: Literal["loop", "once", "every"] = "loop"
    size: tuple[int, int] | None = None
    rate: float = 30.0
    plate: Path | None = None
    countdown: float = 5.0
    save_plate: Path | None = None
    over: tuple[str, ...] = ("blur",)
    detail: DetailName = "auto"
    preview: bool = False
    virtual_camera: str | None = None
    record: Path | None = None
    serve: int | None = None
    seconds: float | None = None
    threads: int | None = None
    model: str = "default"
    device: str = "auto"

    @property
    def shown_size(self) -> tuple[int, int] | None:
        """Height, width that pictures are brought to; None for the size of the file."""
        if self.size is None and not self.camera.startswith("file:"):
            return DEVICE_SIZE
        return self.size
