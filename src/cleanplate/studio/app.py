"""The application: routes, page, guard."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi.responses import FileResponse, PlainTextResponse
from starlette.staticfiles import StaticFiles

from cleanplate.studio import routes_camera, routes_clips, routes_stills
from cleanplate.studio.counters import resident_bytes
from cleanplate.studio.guard import Guard
from cleanplate.studio.refusals import HANDLERS, Problem
from cleanplate.studio.settings import Settings
from cleanplate.studio.state import Studio, studio_of

PAGE = Path(__file__).parent / "page"
SAMPLE = Path(__file__).parents[1] / "sample"
TOKEN: dict[int | str, dict[str, Any]] = {401: {"model": Problem}}

TheStudio = Annotated[Studio, Depends(studio_of)]


def create_app(settings: Settings, opened: Callable[[], None] | None = None) -> FastAPI:
    """Make the application of `cleanplate studio` and `cleanplate serve`.

    The folder of the settings is removed when it ends. opened: called once it can be used.
    """
    studio = Studio(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            if opened is not None:
                opened()
            yield
        finally:
            studio.close()

    app = FastAPI(
        title="cleanplate",
        version=version("cleanplate"),
        summary="From a shot and its clean plate to alpha and true foreground.",
        docs_url=None,  # our own page: the usual one is loaded from another server
        redoc_url=None,
        lifespan=lifespan,
        exception_handlers=dict(HANDLERS.items()),
    )
    app.state.studio = studio
    app.include_router(routes_stills.router)
    app.include_router(routes_clips.router)
    app.include_router(routes_camera.router)
    _add_pages(app)
    app.add_middleware(
        Guard,
        settings=settings,
        counters=studio.counters,
        refuse_early=studio.refuse_early,
    )
    return app


def _add_pages(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(PAGE / "docs.html")

    @app.get("/healthz", tags=["server"])
    async def health(studio: TheStudio) -> dict[str, Any]:
        """Say that the server lives, and how many cuts it has to do."""
        return {
            "status": "ok",
            "version": version("cleanplate"),
            "model_loaded": "model" in studio.__dict__,
            "pending": studio.worker.pending,
        }

    @app.get("/metrics", tags=["server"], responses=TOKEN, response_class=PlainTextResponse)
    async def metrics(studio: TheStudio) -> PlainTextResponse:
        """Say what happened since the start, for Prometheus."""
        gauges = {
            "queue_pending": float(studio.worker.pending),
            "shots_kept": float(len(studio.shots)),
            "cameras": float(studio.cameras),
            "resident_memory_bytes": resident_bytes(),
            **studio.clips.counts,
        }
        media_type = "text/plain; version=0.0.4"
        return PlainTextResponse(studio.counters.text(gauges), media_type=media_type)

    @app.get("/v1/limits", tags=["server"], responses=TOKEN)
    async def limits(studio: TheStudio) -> dict[str, Any]:
        """Say what is accepted."""
        settings = studio.settings
        return {
            "picture_bytes": settings.picture_bytes,
            "clip_bytes": settings.clip_bytes,
            "pixels": settings.pixels,
            "camera_pixels": settings.camera_pixels,
            "seconds": settings.seconds,
        }

    app.mount("/page", StaticFiles(directory=PAGE))
    app.mount("/sample", StaticFiles(directory=SAMPLE))
