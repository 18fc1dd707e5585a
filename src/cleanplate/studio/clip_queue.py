"""Clips as jobs: one at a time in a thread, a short queue, cancel and resume."""

import html
import logging
import secrets
import shutil
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Thread
from typing import Any, Literal

from cleanplate.errors import CleanplateError, renamed
from cleanplate.jobs.clips import cut_clip
from cleanplate.jobs.options import ClipOptions, PlateFrom
from cleanplate.jobs.progress import watching
from cleanplate.studio.exports import zipped
from cleanplate.studio.refusals import RefusedError, for_client
from cleanplate.studio.settings import Settings

State = Literal["waiting", "running", "cancelled", "failed", "done"]
ClipFormat = Literal["mov", "webm", "mkv", "mp4", "zip"]
Role = Literal["main", "matte", "foreground", "report"]

MEDIA_TYPES = {
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".mp4": "video/mp4",
    ".zip": "application/zip",
    ".html": "text/html",
}


class StoppedError(Exception):
    """The client cancelled the job; raised inside the work that is to end."""


@dataclass
class ClipJob:
    """A clip to cut, in a folder of its own.

    plate: a file, or what to make it of. names: what to call the files of the client in sentences.
    title: the name of the clip's file on the client's machine, see `shown_name`.
    phase: what is being done. done, total: frames. said: notes and warnings, a line each.
    """

    folder: Path
    clip: Path
    plate: Path | PlateFrom
    wanted: ClipFormat
    options: ClipOptions
    names: dict[Path, str]
    title: str
    name: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    state: State = "waiting"
    phase: str = ""
    done: int = 0
    total: int | None = None
    said: list[str] = field(default_factory=list)
    error: str | None = None
    stop: bool = False
    began: float = 0.0
    first: int = 0
    size: tuple[int, int] = (0, 0)

    @property
    def result(self) -> Path:
        """The file that is made."""
        stem = "cutout" if self.options.over is None else "composite"
        return self.folder / f"{stem}.{self.wanted}"

    @property
    def out(self) -> str:
        """What is to be written, as for `cut_clip`; stills are put into one file afterwards."""
        return f"{self.result.with_suffix('')}/" if self.wanted == "zip" else str(self.result)

    @property
    def files(self) -> dict[Role, Path]:
        """All files that are made, by their roles."""
        options = self.options
        made: dict[Role, Path | None] = {"main": self.result, "matte": options.matte}
        made |= {"foreground": options.foreground, "report": options.report}
        return {role: path for role, path in made.items() if path is not None}

    def download_name(self, role: Role) -> str:
        """Name a file that is made after the clip that it was made of."""
        return f"{Path(self.title).stem}.{self.files[role].name}"

    def facts(self, place: int) -> dict[str, Any]:
        """Say what a client may know; place: how many jobs are before it."""
        left, done = None, self.done - self.first
        if self.state == "running" and done > 0 and self.total:
            left = round((time.monotonic() - self.began) / done * (self.total - self.done), 1)
        return {
            "id": self.name,
            "title": self.title,
            "state": self.state,
            "phase": self.phase,
            "done": self.done,
            "total": self.total,
            "seconds_left": left,
            "before": place,
            "said": self.said,
            "error": self.error,
            "files": {role: self.download_name(role) for role in self.files}
            if self.state == "done"
            else {},
            "width": self.size[1],
            "height": self.size[0],
        }

    def run(self) -> None:
        """Cut the clip; goes on where an earlier call was stopped."""
        titles = {"main": "The result", "report": "The report"}
        made = {path: titles.get(role, f"The {role}") for role, path in self.files.items()}
        stills, title = self.result.with_suffix(""), Path(self.title).stem
        # Stills are named here as they are in the ZIP.
        inside = {stills: "The result", stills / self.clip.stem: title}
        names = {**self.names, **made, **inside, self.folder: "The job"}
        self.said.clear()

        def say(line: str) -> None:
            self.said.append(for_client(line, names))

        try:
            with watching(self._watch):
                cut_clip(self.clip, self.plate, self.out, self.options, say)
            if self.wanted == "zip":
                zipped(stills, self.clip.stem, title)
            if report := self.options.report:
                called = {
                    path: html.escape(self.download_name(role)) for role, path in self.files.items()
                }
                report.write_text(renamed(report.read_text("utf-8"), names | called), "utf-8")
            self.state = "done"
        except StoppedError:
            self.state = "cancelled"
        except CleanplateError as problem:
            self.state, self.error = "failed", for_client(str(problem), names)
        except Exception as problem:  # the queue goes on whatever becomes of one job
            self.state = "failed"
            self.error = f"This clip met an error that was not expected ({type(problem).__name__})."
            raise

    def _watch(self, phase: str, done: int, total: int | None) -> None:
        if self.stop:
            raise StoppedError
        shown = "cutting" if phase == self.clip.name else phase
        if shown != self.phase:
            self.phase, self.began, self.first = shown, time.monotonic(), done
        self.done, self.total = done, total


class ClipQueue:
    """Runs one job after the other; at most `waiting` wait, at most `clips` are kept.

    Thread and folder of a job end with `close`.
    """

    def __init__(self, settings: Settings, waiting: int = 4) -> None:
        self._settings, self._waiting = settings, waiting
        self._jobs: dict[str, ClipJob] = {}
        self._queue: deque[ClipJob] = deque()
        self._changed = Condition()
        self._ended = False
        self._thread: Thread | None = None

    @property
    def is_full(self) -> bool:
        """Whether another job would be refused."""
        return len(self._queue) >= self._waiting

    @property
    def counts(self) -> dict[str, float]:
        """How many jobs wait and how many are kept, for the metrics."""
        return {"clips_waiting": len(self._queue), "clips_kept": len(self._jobs)}

    def full(self) -> RefusedError:
        """Make the refusal of a job when the queue is full."""
        return RefusedError(429, f"{self._waiting} clips wait already: try again in 30 s.", 30)

    def new_folder(self) -> Path:
        """Make the folder of a job."""
        folder = self._settings.folder / f"clip-{secrets.token_hex(8)}"
        folder.mkdir(parents=True)
        return folder

    def add(self, job: ClipJob) -> None:
        """Keep a job and queue it. Raises RefusedError when the queue is full."""
        with self._changed:
            if self.is_full:
                raise self.full()
            ended = [one for one in self._jobs.values() if one.state not in ("waiting", "running")]
            for old in ended[: max(0, len(self._jobs) + 1 - self._settings.clips)]:
                self._drop(old)
            self._jobs[job.name] = job
            self._enqueue(job)

    def get(self, name: str) -> ClipJob:
        """Find a job. Raises RefusedError where there is none (any more)."""
        job = self._jobs.get(name)
        if job is None:
            raise RefusedError(404, "This clip is not kept any more: upload it again.")
        return job

    def facts(self, job: ClipJob) -> dict[str, Any]:
        """Say what a client may know of a job."""
        with self._changed:
            place = self._queue.index(job) + 1 if job in self._queue else 0
            return job.facts(place)

    def cancel(self, job: ClipJob) -> None:
        """Stop a job; what it did is kept. One that has ended stays as it is."""
        with self._changed:
            if job.state == "waiting":
                self._queue.remove(job)
                job.state = "cancelled"
            elif job.state == "running":
                job.stop = True

    def resume(self, job: ClipJob) -> None:
        """Let a stopped or failed job go on. Raises RefusedError in any other state."""
        with self._changed:
            if job.state not in ("cancelled", "failed"):
                raise RefusedError(409, f"This clip is {job.state}: only a stopped one goes on.")
            if self.is_full:
                raise self.full()
            self._enqueue(job)

    def remove(self, job: ClipJob) -> None:
        """Forget a job and its files. Raises RefusedError while it runs."""
        with self._changed:
            if job.state == "running":
                raise RefusedError(409, "This clip is being cut: cancel it first.")
            if job in self._queue:
                self._queue.remove(job)
            self._drop(job)

    def close(self) -> None:
        """Stop what runs and end the thread."""
        with self._changed:
            self._ended = True
            self._queue.clear()
            for job in self._jobs.values():
                job.stop = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _enqueue(self, job: ClipJob) -> None:
        job.state, job.stop, job.error, job.phase = "waiting", False, None, ""
        self._queue.append(job)
        if self._thread is None:
            self._thread = Thread(target=self._work, name="clips", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _drop(self, job: ClipJob) -> None:
        shutil.rmtree(job.folder, ignore_errors=True)
        self._jobs.pop(job.name, None)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._ended:
                    self._changed.wait()
                if self._ended:
                    return
                job = self._queue.popleft()
                job.state = "running"
            try:
                job.run()
            except Exception:
                logging.getLogger("cleanplate.studio").exception("A clip could not be cut.")
