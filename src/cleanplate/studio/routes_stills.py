"""Routes of stills: one call from files to a file, or a shot that is kept and looked at."""

import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, UploadFile
from fastapi import Path as InPath
from fastapi.responses import FileResponse, Response
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from cleanplate.demo import evening
from cleanplate.errors import CleanplateError
from cleanplate.media.browser import jpeg_bytes
from cleanplate.studio.exports import Export, Format, checked_over, export
from cleanplate.studio.refusals import RESPONSES, RefusedError, for_client
from cleanplate.studio.settings import Settings
from cleanplate.studio.shots import FILES, CutWish, Prior, Shot, View, cut, take_in
from cleanplate.studio.state import Studio, studio_of
from cleanplate.studio.uploads import keep_still, shown_name

router = APIRouter(prefix="/v1", responses=RESPONSES)

TheStudio = Annotated[Studio, Depends(studio_of)]
Upload = Annotated[UploadFile, File(description="A still picture.")]
Maybe = Annotated[UploadFile | None, File(description="A still picture.")]
Over = Annotated[
    str | None, Form(description="#rrggbb, blur or none; a picture is sent as background.")
]
Linear = Annotated[bool, Form(description="Mix in linear light.")]
Name = Annotated[str, InPath(pattern=r"^[A-Za-z0-9_-]{24}$", description="Id of a shot.")]
SAMPLE = Path(__file__).parents[1] / "sample"
FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"application/octet-stream": {}}}
}


@router.post("/cutout", tags=["one call"], response_class=Response, responses=FILE)
async def cutout_of(
    studio: TheStudio,
    frame: Upload,
    plate: Upload,
    holdout: Maybe = None,
    garbage: Maybe = None,
    background: Maybe = None,
    over: Over = None,
    format: Annotated[Format, Form(description="zip: alpha, foreground, composite.")] = "png",
    linear: Linear = False,
    prior: Annotated[Prior, Form()] = "person",
    align: Annotated[bool, Form()] = True,
) -> Response:
    """Cut a frame against its plate: what `cleanplate cut` writes, in one call."""
    shot = await _received(studio, frame, plate)
    try:
        shot.masks = await _masks(holdout, garbage, shot.folder, studio.settings)
        shot.wish = CutWish(prior, align)
        return await _exported(studio, shot, (background, over, linear), format)
    finally:
        shutil.rmtree(shot.folder, ignore_errors=True)


@router.post("/check", tags=["one call"])
async def check(studio: TheStudio, frame: Upload, plate: Upload) -> dict[str, Any]:
    """Say how a plate fits a frame."""
    shot = await _received(studio, frame, plate)
    try:
        await _worked(studio, shot, lambda: take_in(shot))
        return shot.check
    finally:
        shutil.rmtree(shot.folder, ignore_errors=True)


@router.post("/shots", tags=["shots"], status_code=201)
async def new_shot(studio: TheStudio, frame: Upload, plate: Upload) -> dict[str, Any]:
    """Keep a frame and its plate, and check the plate."""
    return await _kept(studio, await _received(studio, frame, plate))


@router.post("/shots/sample", tags=["shots"], status_code=201)
async def sample_shot(studio: TheStudio) -> dict[str, Any]:
    """Keep the bundled sample."""
    shot = studio.shots.new()
    shot.title = "sample"
    shot.frame = Path(shutil.copy(SAMPLE / "frame.jpg", shot.folder))
    shot.plate = Path(shutil.copy(SAMPLE / "plate.jpg", shot.folder))
    return await _kept(studio, shot)


@router.get("/shots/{name}", tags=["shots"])
async def shot_facts(studio: TheStudio, name: Name) -> dict[str, Any]:
    """Say what is known of a shot."""
    return studio.shots.get(name).facts()


@router.delete("/shots/{name}", tags=["shots"], status_code=204)
async def forget_shot(studio: TheStudio, name: Name) -> None:
    """Remove a shot and everything made of it."""
    studio.shots.remove(name)


@router.post("/shots/{name}/cut", tags=["shots"])
async def cut_shot(
    studio: TheStudio,
    name: Name,
    holdout: Maybe = None,
    garbage: Maybe = None,
    prior: Annotated[Prior, Form()] = "person",
    align: Annotated[bool, Form()] = True,
) -> dict[str, Any]:
    """Cut a shot; masks are those sent with this call, white where they hold."""
    with studio.shots.held(name) as shot:
        folder = shot.folder / f"masks-{secrets.token_hex(4)}"
        try:
            masks = await _masks(holdout, garbage, folder, studio.settings)
            wish = CutWish(prior, align)
            await _worked(studio, shot, lambda: cut(shot, wish, masks, studio.model), masks)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        studio.counters.cut(shot.seconds)
        return shot.facts()


@router.get("/shots/{name}/views/{view}", tags=["shots"], response_class=Response, responses=FILE)
async def shot_view(studio: TheStudio, name: Name, view: View) -> Response:
    """Show a picture of a shot: JPEG, of alpha and cutout PNG (straight RGBA)."""
    path = studio.shots.get(name).folder / FILES[view]
    if not path.is_file():
        raise RefusedError(404, "There is no such picture yet: cut the shot first.")
    return FileResponse(path)


@router.post("/shots/{name}/export", tags=["shots"], response_class=Response, responses=FILE)
async def export_shot(
    studio: TheStudio,
    name: Name,
    background: Maybe = None,
    over: Over = None,
    format: Annotated[Format, Form(description="zip: alpha, foreground, composite.")] = "png",
    linear: Linear = False,
) -> Response:
    """Write what was cut last as `cleanplate cut` does, with the same masks."""
    with studio.shots.held(name) as shot:
        return await _exported(studio, shot, (background, over, linear), format)


@router.get("/backgrounds/evening", tags=["shots"], response_class=Response, responses=FILE)
async def evening_lights() -> Response:
    """Paint a background to try things with: lights out of focus at dusk."""
    picture = await run_in_threadpool(lambda: jpeg_bytes(evening(720, 1280)))
    return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "max-age=3600"})


async def _received(studio: Studio, frame: UploadFile, plate: UploadFile) -> Shot:
    shot = studio.shots.new()
    try:
        shot.frame = await keep_still(frame, shot.folder, "frame", studio.settings)
        shot.title = Path(shown_name(frame, "frame")).stem
        shot.plate = await keep_still(plate, shot.folder, "plate", studio.settings)
    except BaseException:
        shutil.rmtree(shot.folder, ignore_errors=True)
        raise
    return shot


async def _masks(
    holdout: UploadFile | None, garbage: UploadFile | None, folder: Path, settings: Settings
) -> dict[str, Path]:
    """Keep the masks that came, by their roles; makes the folder for them where it is missing."""
    masks = {}
    for role, mask in (("holdout", holdout), ("garbage", garbage)):
        if mask is not None:
            folder.mkdir(exist_ok=True)
            masks[role] = await keep_still(mask, folder, role, settings)
    return masks


async def _kept(studio: Studio, shot: Shot) -> dict[str, Any]:
    try:
        await _worked(studio, shot, lambda: take_in(shot))
    except BaseException:
        shutil.rmtree(shot.folder, ignore_errors=True)
        raise
    studio.shots.add(shot)
    return shot.facts()


async def _worked(
    studio: Studio, shot: Shot, work: Callable[[], None], masks: dict[str, Path] | None = None
) -> None:
    """Do work on a shot in the worker; what goes wrong is said in the client's words."""
    try:
        await studio.worker.do(work)
    except CleanplateError as problem:
        raise RefusedError(422, for_client(str(problem), shot.names(masks))) from problem


async def _exported(
    studio: Studio,
    shot: Shot,
    over: tuple[UploadFile | None, str | None, bool],
    wanted: Format,
) -> Response:
    """Make the file and send it. over: background, colour or blur, in linear light."""
    upload, text, linear = over
    folder = studio.shots.new().folder  # of this call alone: the shot may be removed meanwhile
    try:
        picture = None
        if upload is not None:
            picture = await keep_still(upload, folder, "background", studio.settings)
        new_background = checked_over(text, picture)

        def work() -> Export:
            started = time.perf_counter()
            # As the shot is now: a cut that was asked for before may have brought other masks.
            options = replace(shot.options(), over=new_background, linear=linear)
            made = export(shot, options, wanted, studio.model, folder)
            studio.counters.cut(time.perf_counter() - started)
            return made

        made = await studio.worker.do(work)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    warnings = " | ".join(made.warnings).encode("ascii", "replace").decode()
    return FileResponse(
        made.path,
        media_type=made.media_type,
        filename=f"{shot.title}.{made.path.name}",
        headers={"Cleanplate-Warnings": warnings} if warnings else None,
        background=BackgroundTask(shutil.rmtree, folder, ignore_errors=True),
    )
