"""A studio of its own process, Debian's Chromium, and a camera that plays a person coming in."""

from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pytest

from browsers import chromium, running_studio
from cleanplate.media.browser import jpeg_bytes

SAMPLE = Path(str(resources.files("cleanplate"))) / "sample"
ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "build" / "screenshots"
PATIENCE = 120_000  # milliseconds: machines of continuous integration may be busy
EMPTY, ENTERED = 200, 300  # frames of the camera, 30 a second: nobody, then somebody
SIDE = 320


@pytest.fixture(scope="session")
def camera(tmp_path_factory):
    """An MJPEG: an empty room, then the person of the sample, for the browser to play in a loop."""
    pictures = {}
    for name in ("frame.jpg", "plate.jpg"):
        pixels = cv2.imread(str(SAMPLE / name))[..., ::-1]
        square = cv2.resize(
            np.ascontiguousarray(pixels), (SIDE, SIDE), interpolation=cv2.INTER_AREA
        )
        pictures[name] = jpeg_bytes(square, 92)
    path = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    path.write_bytes(pictures["plate.jpg"] * EMPTY + pictures["frame.jpg"] * ENTERED)
    return path


# Not for the session: while Playwright's event loop runs in this thread, tests that start worker
# processes may hang.
@pytest.fixture(scope="module")
def browser(camera):
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is missing (extra dev)")
    pytest.importorskip("fastapi", reason="the studio needs the extra studio")
    path = chromium()
    if path is None:
        pytest.skip("Chromium is missing: apt-get install chromium")
    with sync.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=path,
            args=[
                "--no-sandbox",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-video-capture={camera}",
            ],
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def address(browser):
    """Where a studio of its own process listens, with the token; looks at how it ends."""
    with running_studio() as listening:
        yield listening


@pytest.fixture(scope="session")
def pair(tmp_path_factory):
    from studios import small  # needs the extra studio

    folder = tmp_path_factory.mktemp("pair")
    for name in ("frame", "plate"):
        (folder / f"{name}.png").write_bytes(small(f"{name}.jpg"))
    (folder / "text.png").write_text("I am no picture.")
    return folder


@pytest.fixture
def page(browser, address):
    """A page of a browser that knows nothing yet; errors of its scripts fail the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 820}, accept_downloads=True)
    context.set_default_timeout(PATIENCE)
    context.grant_permissions(["camera"])
    opened = context.new_page()
    problems = []
    opened.on("pageerror", lambda problem: problems.append(str(problem)))
    opened.goto(address)
    opened.wait_for_selector("body[data-started]")
    yield opened
    context.close()
    assert problems == []


@pytest.fixture
def keep(request):
    """Takes a picture of a page, kept under build/ for people to look at."""
    SHOTS.mkdir(parents=True, exist_ok=True)

    def take(page, name):
        page.screenshot(path=SHOTS / f"{name}.png")

    return take
