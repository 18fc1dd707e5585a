"""What all routes share."""

import shutil
from functools import cached_property
from typing import cast

from starlette.requests import HTTPConnection

from cleanplate.looks import WIDE
from cleanplate.network import Model, load_model
from cleanplate.studio.clip_queue import ClipQueue
from cleanplate.studio.counters import Counters
from cleanplate.studio.refusals import RefusedError
from cleanplate.studio.settings import Settings
from cleanplate.studio.shots import Shelf
from cleanplate.studio.worker import Worker

CUTS = (
    "/v1/cutout",
    "/v1/check",
    "/v1/shots",
    "/v1/shots/sample",
    "/v1/shots/{name}/cut",
    "/v1/shots/{name}/export",
)


class Studio:
    """The model, the worker that uses it, and what clients have left here.

    Close it: it ends its threads and removes its folder.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings, self.counters = settings, Counters()
        settings.folder.mkdir(parents=True, exist_ok=True)
        self.worker = Worker(settings.waiting, settings.seconds)
        self.shots = Shelf(settings.folder, settings.shots)
        self.clips = ClipQueue(settings)
        self.cameras = 0

    @cached_property
    def model(self) -> Model:
        """The network, loaded by who needs it first; ask for it at the start, or in the worker."""
        settings = self.settings
        return load_model(settings.model, device=settings.device, threads=settings.threads)

    @cached_property
    def camera_model(self) -> Model:
        """The same sessions, looking less closely: a camera waits for nobody."""
        return self.model.looking(WIDE)

    def refuse_early(self, route: str) -> RefusedError | None:
        """Refuse a POST that would have to wait in a full queue, before its upload is read."""
        if route in CUTS and self.worker.is_full:
            return self.worker.full()
        if route == "/v1/clips" and self.clips.is_full:
            return self.clips.full()
        return None

    def close(self) -> None:
        """End everything and remove the folder."""
        self.clips.close()
        self.worker.close()
        shutil.rmtree(self.settings.folder, ignore_errors=True)


def studio_of(connection: HTTPConnection) -> Studio:
    """Find the studio of the application that a request or a socket came to."""
    return cast(Studio, connection.app.state.studio)
