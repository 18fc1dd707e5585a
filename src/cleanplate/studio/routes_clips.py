"""Routes of clips: jobs that go on by themselves, are asked for, cancelled and resumed."""

import shutil
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, File, Form, UploadFile
from fastapi import Path as InPath
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool

from cleanplate.errors import CleanplateError
from cleanplate.jobs.options import ClipOptions, PlateFrom
from cleanplate.media.clip_read import inspect_clip
from cleanplate.studio.clip_queue import MEDIA_TYPES, PART_FRAMES, ClipFormat, ClipJob, plate_from
from cleanplate.studio.exports import checked_over
from cleanplate.studio.refusals import RESPONSES, RefusedError, renamed
from cleanplate.studio.settings import Settings
from cleanplate.studio.state import Studio, studio_of
from cleanplate.studio.uploads import keep_clip, keep_still

router = APIRouter(prefix="/v1/clips", responses=RESPONSES, tags=["clips"])

TheStudio = Annotated[Studio, Depends(studio_of)]
Name = Annotated[str, InPath(pattern=r"^[A-Za-z0-9_-]{24}$", description="Id of a clip.")]
FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The clip.", "content": {"application/octet-stream": {}}}
}


@router.post("", status_code=202)
async def new_clip(
    studio: TheStudio,
    clip: Annotated[UploadFile, File(description="A clip: MP4, MOV, MKV, WebM, AVI, Y4M.")],
    plate: Annotated[UploadFile | None, File(description="A picture of the empty scene.")] = None,
    plate_from: Annotated[str | None, Form(description="first:2s or clip.")] = None,
    background: Annotated[UploadFile | None, File(description="A picture.")] = None,
    over: Annotated[str | None, Form(description="#rrggbb, blur or none.")] = None,
    format: Annotated[
        ClipFormat, Form(description="zip: numbered PNG; mp4 needs a new background.")
    ] = "mov",
    camera: Annotated[Literal["fixed", "handheld"], Form()] = "fixed",
) -> dict[str, Any]:
    """Queue a clip to be cut."""
    folder = studio.clips.new_folder()
    try:
        path = await keep_clip(clip, folder, "clip", studio.settings)
        size = await run_in_threadpool(_size, path, studio.settings)
        source = await _plate(folder, plate, plate_from, studio.settings)
        picture = None
        if background is not None:
            picture = await keep_still(background, folder, "background", studio.settings)
        new_background = checked_over(over, picture)
        if format == "mp4" and new_background is None:
            raise RefusedError(
                422, "MP4 holds no transparency: choose a new background, or MOV, WebM or MKV."
            )
        options = ClipOptions(
            over=new_background,
            camera=camera,
            model=studio.settings.model,
            device=studio.settings.device,
            threads=studio.settings.threads,
            part_frames=PART_FRAMES,
        )
        job = ClipJob(folder, path, source, format, options, size=size)
        studio.clips.add(job)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return studio.clips.facts(job)


@router.get("/{name}")
async def clip_facts(studio: TheStudio, name: Name) -> dict[str, Any]:
    """Say how far a clip is."""
    return studio.clips.facts(studio.clips.get(name))


@router.post("/{name}/cancel")
async def cancel_clip(studio: TheStudio, name: Name) -> dict[str, Any]:
    """Stop a clip; what was cut is kept."""
    job = studio.clips.get(name)
    studio.clips.cancel(job)
    return studio.clips.facts(job)


@router.post("/{name}/resume")
async def resume_clip(studio: TheStudio, name: Name) -> dict[str, Any]:
    """Let a stopped clip go on where it was."""
    job = studio.clips.get(name)
    studio.clips.resume(job)
    return studio.clips.facts(job)


@router.get("/{name}/file", response_class=Response, responses=FILE)
async def clip_file(studio: TheStudio, name: Name) -> Response:
    """Download what was made of a clip."""
    job = studio.clips.get(name)
    if job.state != "done":
        raise RefusedError(409, f"This clip is {job.state}: wait until it is done.")
    media_type = MEDIA_TYPES[job.result.suffix]
    return FileResponse(job.result, media_type=media_type, filename=job.result.name)


@router.delete("/{name}", status_code=204)
async def forget_clip(studio: TheStudio, name: Name) -> None:
    """Remove a clip and everything made of it."""
    studio.clips.remove(studio.clips.get(name))


def _size(path: Path, settings: Settings) -> tuple[int, int]:
    try:
        info = inspect_clip(path)
    except CleanplateError as problem:
        raise RefusedError(422, renamed(str(problem), {path: "The clip"})) from problem
    if info.height * info.width > settings.pixels:
        raise RefusedError(
            413, f"The clip is {info.width} x {info.height} pixels, which is too large."
        )
    return info.height, info.width


async def _plate(
    folder: Path, upload: UploadFile | None, text: str | None, settings: Settings
) -> Path | PlateFrom:
    if upload is not None and text:
        raise RefusedError(422, "Both plate and plate_from came: leave one out.")
    if upload is not None:
        return await keep_still(upload, folder, "plate", settings)
    if not text:
        raise RefusedError(422, "A plate is missing: send a picture, or plate_from=first:2s.")
    return plate_from(text)
