"""All of `cleanplate live`: opens camera, plate and sinks, and closes them whatever happens."""

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cleanplate.devices import limit_threads
from cleanplate.errors import CleanplateError, DeviceError, InputError, OutputError
from cleanplate.jobs.inputs import is_over_clip
from cleanplate.jobs.places import refuse_overwriting
from cleanplate.live.browser import BrowserSource
from cleanplate.live.cutting import LiveCutter
from cleanplate.live.interrupts import Interrupts, patient
from cleanplate.live.keys import Keys, terminal_keys
from cleanplate.live.loop import KEYS, Live
from cleanplate.live.options import LiveOptions
from cleanplate.live.preview import Preview
from cleanplate.live.recording import Recording, check_recording
from cleanplate.live.scenery import Scenery
from cleanplate.live.sinks import Sink
from cleanplate.live.virtual_camera import VirtualCamera
from cleanplate.media.camera import CameraFrame, Grabber, open_camera
from cleanplate.media.replacing import check_writable
from cleanplate.media.sequences import find_sequence, is_sequence
from cleanplate.media.stills import ENDINGS, read_still
from cleanplate.network import load_model

Say = Callable[[str], None]
Picture = NDArray[np.float32]

FIRST_FRAME = 15.0  # seconds that a camera may take to start
WAKING = 1.0  # seconds in which a device's pictures may still be dark


def run_live(options: LiveOptions, say: Say, keys: tuple[Keys, ...] = ()) -> Live:
    """Cut a camera until somebody quits, it ends, or Ctrl-C.

    say: takes sentences for the person at the camera. keys: where further hot keys come from.
    Returns the loop that has ended, with its meter. Raises CleanplateError in words. A recording
    is finished and verified however it ends; only a third Ctrl-C gives it up.
    """
    _check(options)
    with ExitStack() as stack:
        plate = None if options.plate is None else read_still(options.plate).picture
        grabber = Grabber(open_camera(options.camera, options.shown_size, options.play))
        stack.enter_context(grabber)
        first = _first_frame(grabber)
        size = (first.picture.shape[0], first.picture.shape[1])
        scenery = stack.enter_context(Scenery(options.over, size))
        model = load_model(options.model, device=options.device, threads=options.threads)
        limit_threads(options.threads)
        sinks: list[Sink] = []
        live = Live(grabber, LiveCutter(model, options.detail), scenery, sinks, say)
        live.find_person = model.segmenter
        live.countdown, live.save_plate = options.countdown, options.save_plate
        live.least = 0.0 if grabber.camera.waits else 1 / options.rate
        if grabber.camera.waits:
            live.first = first
        interrupts = stack.enter_context(patient())
        stack.enter_context(_finished(sinks, say, interrupts))
        _open_sinks(options, size, sinks, live, say)
        previews = [sink.keys for sink in sinks if isinstance(sink, Preview)]
        live.listen([*previews, stack.enter_context(terminal_keys()), *keys])
        if sys.stderr.isatty():
            live.report = _report_line
        with suppress(KeyboardInterrupt):  # the usual way to end it
            for sentence in grabber.camera.lock() if plate is not None else ():
                say(sentence)
            _go(live, plate, options, say)
        pace = live.meter.pace()
        if pace is not None:
            say(f"{pace.frames} frames: {pace}.")
        return live


def _go(live: Live, plate: Picture | None, options: LiveOptions, say: Say) -> None:
    say(f"Keys: {KEYS}.")
    if plate is not None:
        if options.save_plate is not None:
            say(f"There is a plate already: {options.save_plate} is written when p shoots another.")
        live.take_plate(plate, own=False)
    elif not live.shoot_plate():
        return
    live.run(options.seconds)


def _check(options: LiveOptions) -> None:
    """Refuse what cannot be, before anything is opened."""
    if options.plate is None and options.countdown <= 0:
        raise InputError(
            "There is no plate and no countdown to shoot one: give --plate PICTURE, or a "
            "--countdown of some seconds."
        )
    if not 0 <= options.countdown < math.inf:
        raise InputError(f"--countdown {options.countdown:g} is no time: give seconds, like 5.")
    if options.seconds is not None and not 0 < options.seconds < math.inf:
        raise InputError(f"--seconds {options.seconds:g} is no time: give more than 0, like 60.")
    if not 0 < options.rate < math.inf:
        raise InputError(f"--rate {options.rate:g} is no rate: give frames a second, like 30.")
    if not options.over:
        raise InputError("There is no background: give --over.")
    if options.camera == "file:":
        raise InputError("--camera file: names no file: add one, like file:take.mp4.")
    if options.record is not None:
        check_recording(options.record)
    if options.save_plate is not None and options.save_plate.suffix.lower() not in ENDINGS:
        named = f"name the plate one of {', '.join(ENDINGS)}"
        raise OutputError(f"{options.save_plate} is no still: {named}.")
    written = [path for path in (options.record, options.save_plate) if path is not None]
    refuse_overwriting(_inputs(options), written)
    for path in written:
        check_writable(path)  # nobody is to step out for nothing


def _inputs(options: LiveOptions) -> list[Path]:
    """Every file that is read, but the weights."""
    camera = options.camera
    named = [camera.removeprefix("file:")] if camera.startswith("file:") else []
    paths = [] if options.plate is None else [options.plate]
    for name in (*named, *options.over):
        path = Path(name)
        stills = is_over_clip(name) and is_sequence(path)
        paths += find_sequence(path).paths if stills else [path]
    return paths


def _first_frame(grabber: Grabber) -> CameraFrame:
    """Wait for the camera; of a device, until its picture is no longer dark from starting."""
    while (frame := grabber.newest(FIRST_FRAME)) is not None:
        if grabber.camera.stale == 0 or frame.seconds >= WAKING:
            return frame
    raise DeviceError(
        f"{grabber.camera.name} shows no picture: see that nothing else uses it, and start again."
    )


def _open_sinks(
    options: LiveOptions, size: tuple[int, int], sinks: list[Sink], live: Live, say: Say
) -> None:
    """Open what was asked for; `sinks` holds what is open at any time."""
    if options.serve is not None:
        sinks.append(BrowserSource(options.serve, live.wake.set))
    if options.virtual_camera is not None:
        sinks.append(VirtualCamera(size, options.rate, options.virtual_camera))
    if options.record is not None:
        sinks.append(Recording(options.record, size))
    if options.preview:
        sinks.append(Preview("cleanplate live"))
    if not sinks:
        sinks.append(_usual_sink(live, say))
    for sink in sinks:
        say(f"Shown in: {sink.name}")


def _usual_sink(live: Live, say: Say) -> Sink:
    """Give a window where there can be one, a page of this computer otherwise."""
    try:
        return Preview("cleanplate live")
    except CleanplateError as problem:
        say(str(problem).replace("--preview needs", "A window needs"))
        return BrowserSource(0, live.wake.set)


@contextmanager
def _finished(sinks: list[Sink], say: Say, interrupts: Interrupts) -> Iterator[None]:
    """Close all sinks whatever happens; what fails there is raised, unless something did before."""
    try:
        yield
    except BaseException:
        interrupts.wait = True
        _close(sinks, say)
        raise
    interrupts.wait = True
    problems = _close(sinks, say)
    if problems:
        raise problems[0]


def _close(sinks: list[Sink], say: Say) -> list[Exception]:
    problems = []
    for sink in sinks:
        try:
            sink.close()
        except Exception as problem:
            problems.append(problem)
    _say_recorded(sinks, say)
    return problems


def _say_recorded(sinks: list[Sink], say: Say) -> None:
    for sink in sinks:
        if isinstance(sink, Recording) and sink.outcome:
            say(sink.outcome)


def _report_line(words: str) -> None:
    print(f"\r{words}\x1b[K", end="\r", file=sys.stderr, flush=True)
