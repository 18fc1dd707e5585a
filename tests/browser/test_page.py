import re

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the studio needs the extra studio")
pytest.importorskip("httpx", reason="the helpers of these tests need httpx")

import takes
from studios import SAMPLE, decoded, small

CUT = 'body[data-revision="{}"]'


@pytest.fixture(scope="session")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    for name in ("frame", "plate"):
        (folder / f"{name}.png").write_bytes(small(f"{name}.jpg"))
    (folder / "text.png").write_text("I am no picture.")
    return folder


def upload(page, pair, frame="frame.png"):
    page.set_input_files("#file-frame", pair / frame)
    page.set_input_files("#file-plate", pair / "plate.png")


def shown(page):
    """What the stage shows, as samples (BGR)."""
    page.wait_for_timeout(150)  # a frame of the browser
    return decoded(page.locator("#stage").screenshot()).astype(int)


def at(picture, x, y):
    """The colour at a share of the picture, which is square and fills the stage's height."""
    height, width = picture.shape[:2]
    left = (width - height) / 2
    row, column = int(y * height), int(left + x * height)
    return picture[row - 2 : row + 3, column - 2 : column + 3, :3].mean((0, 1))


def test_upload_cut_slide_paint_and_save(page, pair, keep):
    keep(page, "welcome")
    upload(page, pair)
    page.wait_for_selector(CUT.format(1))
    page.keyboard.press("b")
    page.keyboard.press("b")
    page.keyboard.press("b")  # white
    slider = page.locator("#split")
    slider.focus()
    page.keyboard.press("Home")
    assert slider.get_attribute("aria-valuenow") == "0"
    whole = shown(page)
    assert at(whole, 0.1, 0.15).min() > 250  # the wall became white
    assert at(whole, 0.62, 0.85).min() < 120  # the shirt stayed
    page.keyboard.press("End")
    assert at(shown(page), 0.1, 0.15).min() < 235  # the shot
    page.keyboard.press("Home")

    page.keyboard.press("3")
    assert at(shown(page), 0.1, 0.15).max() < 40
    page.keyboard.press("h")
    box = page.locator("#stage").bounding_box()
    x, y = box["x"] + box["width"] / 2 - 0.35 * box["height"], box["y"] + 0.2 * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=4)
    page.mouse.up()
    page.wait_for_selector(CUT.format(2))
    keep(page, "strokes")
    page.keyboard.press("v")
    with page.expect_download() as download:
        page.click("#export")
    assert download.value.suggested_filename == "cutout.png"
    alpha = cv2.imread(str(download.value.path()), cv2.IMREAD_UNCHANGED)[..., 3]
    assert alpha.shape == (240, 240)
    assert alpha[48, 40] == 255  # painted
    assert alpha[48, 10] < 60

    page.reload()  # in the middle: the shot and the strokes are still there
    page.wait_for_selector("body[data-revision]")
    assert page.locator("#undo").is_enabled()
    page.click("#undo")
    page.wait_for_selector(CUT.format(3))
    page.keyboard.press("t")
    page.keyboard.press("t")
    assert page.get_attribute("html", "data-theme") == "dark"
    page.keyboard.press("5")
    keep(page, "check-dark")
    page.set_viewport_size({"width": 390, "height": 844})
    page.keyboard.press("1")
    page.wait_for_timeout(200)
    keep(page, "phone")
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_bad_file_is_refused_in_words(page, pair):
    upload(page, pair, frame="text.png")
    page.wait_for_selector(".toast")
    assert "The frame is no file of a known kind" in page.inner_text(".toast")
    assert page.is_visible("#welcome")


DROP = """names => {
  const held = new DataTransfer();
  for (const name of names) held.items.add(new File(["no picture"], name, { type: "text/plain" }));
  const event = { dataTransfer: held, bubbles: true, cancelable: true };
  document.querySelector("h1").dispatchEvent(new DragEvent("drop", event));
}"""


def test_two_files_are_dropped_at_once(page):
    page.evaluate(DROP, ["empty-room.jpg", "me.jpg"])
    assert page.inner_text("#drop-frame .file") == "me.jpg"
    assert page.inner_text("#drop-plate .file") == "empty-room.jpg"
    page.wait_for_selector(".toast >> text=The frame is no file of a known kind")


def test_two_tabs(page, pair):
    other = page.context.new_page()
    other.goto(page.url)
    for tab in (page, other):
        tab.wait_for_selector("body[data-started]")
        upload(tab, pair)
    for tab in (page, other):
        tab.wait_for_selector(CUT.format(1))
    ids = {re.search("#shot=(.*)", tab.url)[1] for tab in (page, other)}
    assert len(ids) == 2
    other.click("#again")
    page.reload()
    page.wait_for_selector("body[data-revision]")  # the other tab forgot only its own
    other.close()


def test_camera(page, keep):
    page.goto(page.url.split("#")[0] + "?countdown=0")
    page.wait_for_selector("body[data-started]")
    page.click("#mode-camera")
    page.select_option("#camera-size", "640x360")
    page.click("#camera-start")
    page.wait_for_selector("#camera-plate:enabled")
    # The fake camera plays in a loop; who is in the picture while the plate is shot is told so, and
    # shoots it again.
    for _ in range(6):
        page.click("#camera-plate")
        page.wait_for_selector('body[data-camera="ready"], #camera-dot.refused')
        if page.get_attribute("body", "data-camera"):
            break
    assert page.get_attribute("body", "data-camera") == "ready"
    page.locator("#camera-backgrounds [data-kind=white]").click()
    page.wait_for_function(SUBJECT)
    keep(page, "camera")
    assert page.evaluate("Number(document.body.dataset.frames)") > 0
    page.click("#camera-stop")
    assert page.is_visible("#camera-start")


# Whether the stage shows the shirt (dark or red) before white.
SUBJECT = """() => {
  const canvas = document.getElementById("camera-canvas");
  if (canvas.width < 100) return false;
  const { width, height } = canvas, context = canvas.getContext("2d");
  const at = (x, y) => context.getImageData(x * width, y * height, 1, 1).data;
  return at(0.65, 0.9)[1] < 130 && Math.min(...at(0.06, 0.1).slice(0, 3)) > 230;
}"""


def test_clip_is_stopped_and_goes_on(page, tmp_path, keep):
    plate = decoded((SAMPLE / "plate.jpg").read_bytes())[..., ::-1]
    frame = decoded((SAMPLE / "frame.jpg").read_bytes())[..., ::-1]
    size = (takes.WIDTH, takes.HEIGHT)
    small_plate, small_frame = (
        cv2.resize(np.ascontiguousarray(one), size, interpolation=cv2.INTER_AREA)
        for one in (plate, frame)
    )
    clip = tmp_path / "take.mkv"
    takes.write_take(clip, 120, 25, lambda index: small_plate if index < 10 else small_frame)
    page.click("#mode-clip")
    page.set_input_files("#file-clip", clip)
    page.fill("#clip-seconds", "0.4")
    page.select_option("#clip-format", "mkv ffv1")
    page.select_option("#clip-temporal", "smooth")
    page.check("#clip-report")
    page.check("#clip-matte")
    keep(page, "clip-form")
    page.click("#clip-start")
    page.wait_for_function("() => document.getElementById('clip-progress').value > 0.15")
    page.click("#clip-cancel")
    page.wait_for_selector("#clip-resume:visible")
    assert page.inner_text("#clip-state") == "Stopped"
    page.reload()  # in the middle: the job is found again
    page.click("#clip-resume")
    page.wait_for_selector("#clip-file-main:visible")
    keep(page, "clip")
    with page.expect_popup() as report:
        page.click("#clip-file-report")
    assert "120 frames" in report.value.inner_text("body")
    keep(report.value, "clip-report")
    report.value.close()
    with page.expect_download() as download:
        page.click("#clip-file-matte")
    assert download.value.suggested_filename == "matte.mkv"
    with page.expect_download() as download:
        page.click("#clip-file-main")
    assert download.value.suggested_filename == "cutout.mkv"
    result = tmp_path / "cutout.mkv"
    download.value.save_as(result)
    assert takes.frames_of(result).shape == (120, takes.HEIGHT, takes.WIDTH, 4)


def test_choices_of_a_clip_follow_one_another(page, pair, keep):
    page.click("#mode-clip")
    page.wait_for_function("() => document.getElementById('clip-format').options.length > 3")
    assert page.input_value("#clip-format") == "mov prores"
    assert "mp4 h264" not in page.locator("#clip-format").inner_html()
    page.select_option("#clip-over", "blur")
    assert page.input_value("#clip-format") == "mp4 h264"
    page.select_option("#clip-format", "zip png")
    assert page.is_disabled("#clip-matte")  # it is in the ZIP
    page.select_option("#clip-over", "file")
    assert page.input_value("#clip-format") == "zip png"  # what was chosen stays
    assert page.is_visible("#clip-background")
    page.set_input_files("#file-clip-plate", pair / "plate.png")
    assert page.input_value("#clip-plate-from") == "file"
    assert not page.is_visible("#clip-seconds")
    page.click("#clip-start")
    assert "Choose a clip first" in page.inner_text(".toast")
    page.set_input_files("#file-clip", pair / "text.png")
    page.set_input_files("#clip-background", pair / "frame.png")
    page.click("#clip-start")
    page.wait_for_selector(".toast >> text=The clip is no file of a known kind")
    page.click("#clip-form summary")
    page.set_viewport_size({"width": 390, "height": 844})
    keep(page, "clip-form-phone")
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_keys_and_help(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the picture"
    page.locator("#mode-picture").focus()
    page.keyboard.press("ArrowRight")
    assert page.is_visible("#clip-form")
    assert page.get_attribute("#mode-clip", "aria-selected") == "true"
    page.keyboard.press("?")
    assert page.is_visible("#help")
    page.keyboard.press("Escape")
    assert not page.is_visible("#help")
