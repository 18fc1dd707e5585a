"""The camera of the page: frames come in over a WebSocket, cutouts go back."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from numpy.typing import NDArray

from cleanplate.clip_state import ClipState
from cleanplate.errors import CleanplateError, InputError, PlateError
from cleanplate.media.browser import frame_of_jpeg, jpeg_bytes
from cleanplate.network import Model
from cleanplate.pipeline import cut_next
from cleanplate.plates.shoot import ATTEMPTS, Shutter
from cleanplate.studio.refusals import RefusedError
from cleanplate.studio.state import Studio, studio_of

router = APIRouter()

LEAST_PLATES = 3  # frames in a row in which nothing moves; the page sends a dozen
MOST_PLATES = 64  # frames that are averaged
MOST_BYTES = 4_000_000  # of a frame
AGAIN = 1013  # WebSocket: try again later


@dataclass
class _Plate:
    """A plate, and what the last frame that was cut with it left for the next.

    Together, so that a frame that is still being cut leaves nothing for the next plate.
    """

    picture: NDArray[np.float32]
    state: ClipState | None = None


class Session:
    """One camera: its plate, and what the last frame left for the next."""

    def __init__(self, most_pixels: int) -> None:
        self._most = most_pixels
        self._attempts = 0
        self.begin_plate()

    def begin_plate(self) -> None:
        """Forget the plate; the frames that come now are of the empty scene."""
        self._shutter, self._size = Shutter(LEAST_PLATES), (0, 0)
        self._plate: _Plate | None = None

    def add_plate(self, data: bytes) -> None:
        """Take a JPEG of the empty scene. Raises InputError."""
        picture = frame_of_jpeg(data, self._most)
        size = picture.shape[:2]
        if self._shutter.frames and size != self._size:
            raise InputError("The camera changed its size: shoot the plate again.")
        self._size = (size[0], size[1])
        if self._shutter.frames < MOST_PLATES:
            self._shutter.add(picture)

    def end_plate(self, model: Model) -> tuple[str, ...]:
        """Make the plate of its frames; returns what is to be said about it.

        Raises InputError where too few came, PlateError where the scene was not empty and still;
        but the third plate in a row is used as it is.
        """
        shutter = self._shutter
        if not shutter.done and not shutter.restarts:
            raise InputError(
                f"{shutter.frames} frames of the empty scene came, at least {LEAST_PLATES} were "
                "expected: shoot the plate again."
            )
        shot = shutter.develop(model.segmenter)
        self._attempts += 1
        if shot.problems and (self._attempts < ATTEMPTS or shot.black):
            raise PlateError(" ".join(shot.problems))
        self._attempts, self._plate = 0, _Plate(shot.plate)
        return (*shot.problems, *shot.warnings)

    def cut(self, data: bytes, model: Model) -> tuple[bytes, str]:
        """Cut the next frame, a JPEG: its foreground above its alpha as one JPEG, and a warning.

        Raises InputError, PlateError.
        """
        plate = self._plate
        if plate is None:
            raise InputError("There is no plate yet: shoot the empty scene first.")
        frame = frame_of_jpeg(data, self._most)
        before = None if plate.state is None else plate.state.shown()
        if before is not None and before.shape != frame.shape:
            plate.state = None  # another size begins anew
        made, plate.state, note = cut_next(frame, plate.picture, plate.state, model=model)
        # Colours where alpha is 0 are never seen and would only take room.
        seen = made.foreground * (made.alpha > 0)
        both = np.concatenate([seen, made.alpha.repeat(3, axis=2)])
        return jpeg_bytes(both, 85), note.words


@router.websocket("/v1/camera")
async def camera(socket: WebSocket) -> None:
    """Take {"plate": "begin"}, frames, {"plate": "end"}; from then on answer frames.

    A frame is 4 bytes (its number, big-endian) and a JPEG. The answer has the same number and a
    JPEG of twice the height: foreground above, alpha below. Of frames that come faster than they
    can be cut only the newest is answered. Words come as JSON: "plate", "warning", "problem".
    """
    studio = studio_of(socket)
    await socket.accept()
    if studio.cameras >= studio.settings.cameras:
        await socket.send_json({"problem": "Another page uses the camera already: close it first."})
        await socket.close(AGAIN, "too many cameras")
        return
    studio.cameras += 1
    try:
        await _Connection(socket, studio).run()
    finally:
        studio.cameras -= 1


class _Connection:
    """The newest frame in a place of its own, one task that fills it and one that empties it."""

    def __init__(self, socket: WebSocket, studio: Studio) -> None:
        self._socket, self._studio = socket, studio
        self._session = Session(studio.settings.camera_pixels)
        self._newest: bytes | None = None
        self._arrived = asyncio.Event()
        self._shooting = False
        self._warned = ""

    async def run(self) -> None:
        cutting = asyncio.create_task(self._cut())
        try:
            with suppress(WebSocketDisconnect):
                await self._receive()
        finally:
            cutting.cancel()
            with suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                await cutting

    async def _receive(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            data = message.get("bytes")
            if data is None:
                if not await self._words(message.get("text") or ""):
                    return
            elif len(data) < 5 or len(data) > MOST_BYTES:
                await self._socket.close(1009, "a frame is a number and a JPEG of at most 4 MB")
                return
            elif self._shooting:
                await self._try(partial(self._session.add_plate, data[4:]))
            else:
                self._studio.counters.camera(dropped=self._newest is not None)
                self._newest = data
                self._arrived.set()

    async def _words(self, text: str) -> bool:
        """Follow what the page says; False where it says something else."""
        try:
            said = json.loads(text)
            wish = said.get("plate")
        except (ValueError, AttributeError, RecursionError):
            wish = None
        if wish == "begin":
            self._shooting, self._newest = True, None
            self._session.begin_plate()
        elif wish == "end":
            self._shooting = False
            warnings = await self._try(
                lambda: self._session.end_plate(self._studio.camera_model), refusal="problem"
            )
            if warnings is not None:
                await self._socket.send_json({"plate": "ready", "warnings": list(warnings)})
        else:
            await self._socket.close(1003, "plate: begin or end was expected")
            return False
        return True

    async def _cut(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            data, self._newest = self._newest, None
            if data is None:
                continue
            made = await self._try(partial(self._cut_one, data[4:]))
            if made is None:
                continue
            picture, warning = made
            self._studio.counters.camera(cut=1)
            await self._socket.send_bytes(data[:4] + picture)
            if warning != self._warned:
                self._warned = warning
                await self._socket.send_json({"warning": warning})

    def _cut_one(self, data: bytes) -> tuple[bytes, str] | None:
        """Cut a frame; None where the next plate is being shot by the time it is its turn."""
        return None if self._shooting else self._session.cut(data, self._studio.camera_model)

    async def _try(self, work: Callable[[], Any], refusal: str = "warning") -> Any:
        """Do work in the worker; what goes wrong is told to the page, and None returned.

        refusal: what it is told as that the server is busy: a "warning" passes, a "problem" stays.
        """
        try:
            return await self._studio.worker.do(work)
        except CleanplateError as problem:
            await self._socket.send_json({"problem": str(problem)})
        except RefusedError as problem:
            self._warned = problem.sentence if refusal == "warning" else self._warned
            await self._socket.send_json({refusal: problem.sentence})
        return None
