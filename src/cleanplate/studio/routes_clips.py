"""Routes of clips: jobs that go on by themselves, are asked for, cancelled and resumed."""

import shutil
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi import Path as InPath
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool

from cleanplate.studio.clip_queue import MEDIA_TYPES, Role
from cleanplate.studio.clip_wishes import ClipFiles, ClipWish, codecs, take_clip
from cleanplate.studio.refusals import RESPONSES, RefusedError
from cleanplate.studio.state import Studio, studio_of

router = APIRouter(prefix="/v1/clips", responses=RESPONSES, tags=["clips"])

TheStudio = Annotated[Studio, Depends(studio_of)]
Name = Annotated[str, InPath(pattern=r"^[A-Za-z0-9_-]{24}$", description="Id of a clip.")]
FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"application/octet-stream": {}}}
}
# A page of its own: its style is in it, and nothing else may come from anywhere.
REPORT = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "sandbox"
}


@router.post("", status_code=202)
async def new_clip(
    studio: TheStudio,
    files: Annotated[ClipFiles, Depends()],
    wish: Annotated[ClipWish, Depends()],
) -> dict[str, Any]:
    """Queue a clip to be cut."""
    folder = studio.clips.new_folder()
    try:
        job = await take_clip(files, wish, folder, studio.settings)
        studio.clips.add(job)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return studio.clips.facts(job)


@router.get("/codecs")
async def clip_codecs() -> list[dict[str, Any]]:
    """Say what clips can be written as here: format, codec, and whether it holds alpha."""
    return await run_in_threadpool(codecs)


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
async def clip_file(
    studio: TheStudio,
    name: Name,
    role: Annotated[Role, Query(description="Which of the files.")] = "main",
) -> Response:
    """Download what was made of a clip; the report is shown."""
    job = studio.clips.get(name)
    if job.state != "done":
        raise RefusedError(409, f"This clip is {job.state}: wait until it is done.")
    path = job.files.get(role)
    if path is None:
        raise RefusedError(404, f"No {role} was asked for with this clip.")
    shown = role == "report"
    return FileResponse(
        path,
        media_type=MEDIA_TYPES[path.suffix],
        headers=REPORT if shown else None,
        filename=job.download_name(role),
        content_disposition_type="inline" if shown else "attachment",
    )


@router.delete("/{name}", status_code=204)
async def forget_clip(studio: TheStudio, name: Name) -> None:
    """Remove a clip and everything made of it."""
    studio.clips.remove(studio.clips.get(name))
