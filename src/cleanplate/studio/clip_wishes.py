"""What a client asks for with a clip, and the job that becomes of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import File, Form, UploadFile
from starlette.concurrency import run_in_threadpool

from cleanplate.cli_parse import parse_plate_from, parse_temporal
from cleanplate.errors import CleanplateError
from cleanplate.jobs.options import ClipOptions, PlateFrom
from cleanplate.jobs.outputs import plan_clip_outputs
from cleanplate.media.clip_codecs import CODECS, Codec, choose_codec
from cleanplate.studio.clip_queue import ClipFormat, ClipJob
from cleanplate.studio.exports import checked_over
from cleanplate.studio.refusals import RefusedError, for_client
from cleanplate.studio.settings import Settings
from cleanplate.studio.shots import Prior
from cleanplate.studio.uploads import keep_clip, keep_either, shown_name

PART_FRAMES = 24  # so many frames at most are cut again after a cancel
FORMATS: tuple[ClipFormat, ...] = ("mov", "webm", "mkv", "mp4", "zip")

Maybe = Annotated[UploadFile | None, File(description="A picture, or a clip.")]
Mask = Annotated[UploadFile | None, File(description="A mask for all frames, or a clip of masks.")]


@dataclass(frozen=True)
class ClipFiles:
    """The files of a request; masks are white where they hold."""

    clip: Annotated[UploadFile, File(description="A clip: MP4, MOV, MKV, WebM, AVI, Y4M.")]
    plate: Maybe = None
    background: Maybe = None
    holdout: Mask = None
    garbage: Mask = None


@dataclass(frozen=True)
class ClipWish:
    """The fields of a request, as the options of `cleanplate cut`."""

    plate_from: Annotated[str | None, Form(description="first:2s or clip.", max_length=20)] = None
    over: Annotated[str | None, Form(description="#rrggbb, blur or none.")] = None
    linear: Annotated[bool, Form(description="Mix in linear light.")] = False
    format: Annotated[
        ClipFormat, Form(description="zip: numbered stills; mp4 needs a new background.")
    ] = "mov"
    codec: Annotated[str | None, Form(description="One of /v1/clips/codecs; else usual.")] = None
    camera: Annotated[Literal["fixed", "handheld"], Form()] = "fixed"
    align: Annotated[bool, Form()] = True
    prior: Annotated[Prior, Form()] = "person"
    temporal: Annotated[
        str, Form(description="auto, off, causal, smooth or lookahead:N.", max_length=20)
    ] = "auto"
    quality: Annotated[Literal["normal", "best"], Form()] = "normal"
    deinterlace: Annotated[bool, Form(description="Make whole frames of fields.")] = False
    tone_map: Annotated[bool, Form(description="Bring HDR down to SDR.")] = False
    sound: Annotated[bool, Form(description="Copy the sound.")] = True
    matte: Annotated[bool, Form(description="Also alpha as a grey clip.")] = False
    foreground: Annotated[bool, Form(description="Also the foreground's colour.")] = False
    report: Annotated[bool, Form(description="Also a page about quality.")] = False


async def take_clip(files: ClipFiles, wish: ClipWish, folder: Path, settings: Settings) -> ClipJob:
    """Keep the files of a request in `folder` and make the job. Raises RefusedError."""
    clip, size = await keep_clip(files.clip, folder, "clip", settings)
    kept = {
        name: await keep_either(upload, folder, name, settings)
        for name, upload in vars(files).items()
        if name != "clip" and upload is not None
    }
    new_background = checked_over(wish.over, kept.get("background"))
    title = shown_name(files.clip, f"clip{clip.suffix}")
    source = _plate(kept.get("plate"), wish.plate_from)
    _check_codec(wish, opaque=new_background is not None)
    ending = f".{wish.format}"
    options = ClipOptions(
        over=new_background,
        linear=wish.linear,
        align=wish.align,
        difference_prior=wish.prior == "difference",
        person_prior=wish.prior == "person",
        codec=wish.codec,
        camera=wish.camera,
        holdout=kept.get("holdout"),
        garbage=kept.get("garbage"),
        deinterlace=wish.deinterlace,
        tone_map=wish.tone_map,
        sound=wish.sound,
        matte=folder / f"matte{ending}" if wish.matte else None,
        foreground=folder / f"foreground{ending}" if wish.foreground else None,
        report=folder / "report.html" if wish.report else None,
        shown_name=title,
        model=settings.model,
        quality=wish.quality,
        device=settings.device,
        threads=settings.threads,
        bar=False,
        part_frames=PART_FRAMES,
        **parse_temporal(wish.temporal),
    )
    names = {path: f"The {name}" for name, path in {"clip": clip, **kept}.items()}
    job = ClipJob(folder, clip, source, wish.format, options, names, title, size=size)
    try:
        await run_in_threadpool(plan_clip_outputs, clip, job.out, options)
    except CleanplateError as problem:
        raise RefusedError(
            422, for_client(str(problem), {**names, job.result: "The result"})
        ) from problem
    return job


def codecs() -> list[dict[str, Any]]:
    """List what a clip can be written as: format, codec, title, and whether it holds alpha.

    Codecs that this installation's FFmpeg cannot write are left out; the usual one of a format
    comes first.
    """
    found = []
    for wanted in FORMATS:
        for codec in _codecs_of(wanted):
            alpha = codec.holds_alpha and _writes(codec, wanted, alpha=True)
            if alpha or _writes(codec, wanted, alpha=False):
                found.append(
                    {"format": wanted, "codec": codec.name, "title": codec.title, "alpha": alpha}
                )
    return found


def _codecs_of(wanted: ClipFormat) -> list[Codec]:
    if wanted == "zip":
        return [codec for codec in CODECS.values() if codec.is_sequence]
    return [codec for codec in CODECS.values() if f".{wanted}" in codec.endings]


def _writes(codec: Codec, wanted: ClipFormat, alpha: bool) -> bool:
    name = f"clip.%04d{codec.endings[0]}" if wanted == "zip" else f"clip.{wanted}"
    try:
        choose_codec(name, codec.name, alpha)
    except CleanplateError:
        return False
    return True


def _check_codec(wish: ClipWish, opaque: bool) -> None:
    """Refuse what does not go together; what FFmpeg lacks is told later."""
    if wish.format == "mp4" and not opaque:
        raise RefusedError(
            422, "MP4 holds no transparency: choose a new background, or MOV, WebM or MKV."
        )
    if wish.format == "zip" and (wish.matte or wish.foreground):
        raise RefusedError(
            422, "The ZIP holds matte and foreground already: leave matte and foreground out."
        )
    known = [each.name for each in _codecs_of(wish.format) if opaque or each.holds_alpha]
    if wish.codec is not None and wish.codec not in known:
        raise RefusedError(
            422,
            f"{wish.format.upper()} is written with {', '.join(known)} here"
            f"{'' if opaque else ' where it is transparent'}: choose one of them as codec.",
        )


def _plate(sent: Path | None, text: str | None) -> Path | PlateFrom:
    if sent is not None and text:
        raise RefusedError(422, "Both plate and plate_from came: leave one out.")
    if sent is not None:
        return sent
    if not text:
        raise RefusedError(
            422, "A plate is missing: send a picture or a clip of it, or plate_from=first:2s."
        )
    return parse_plate_from(text)
