import re

import cv2
import pytest

pytest.importorskip("fastapi", reason="the studio needs the extra studio")
pytest.importorskip("httpx", reason="the helpers of these tests need httpx")

from studios import decoded

CUT = 'body[data-revision="{}"]'


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
    assert download.value.suggested_filename == "frame.cutout.png"
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
    page.evaluate(
        "for (let turn = 0; turn < 2; turn += 1) document.getElementById('camera-start').click()"
    )
    assert page.is_disabled("#camera-start") or page.is_enabled("#camera-plate")
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


def test_keys_and_help(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.locator("#mode-picture").focus()
    page.keyboard.press("ArrowRight")
    assert page.is_visible("#clip-form")
    assert page.get_attribute("#mode-clip", "aria-selected") == "true"
    page.keyboard.press("?")
    assert page.is_visible("#help")
    page.keyboard.press("Escape")
    assert not page.is_visible("#help")


def focused(page):
    """What has the keyboard: its id, or its name for people."""
    return page.evaluate(
        "[document.activeElement].map((one) => one.id || one.ariaLabel || one.textContent)[0]"
    )


def test_the_keyboard_keeps_its_place(page, pair):
    page.on("filechooser", lambda chooser: None)  # from now on choosers are caught, not shown
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # skip to the content
    assert focused(page) == "file-frame"
    page.focus("#sample")
    page.keyboard.press("Enter")
    page.wait_for_selector(CUT.format(1))
    assert focused(page) == "stage"  # what was pressed is hidden
    shot = page.url
    page.focus("#skip")
    page.keyboard.press("Enter")
    assert page.url == shot  # a reload still finds it
    page.focus("#backgrounds [data-kind=evening]")
    page.keyboard.press("End")
    assert focused(page) == "A picture of yours"
    assert page.is_visible("#backgrounds [data-kind=evening][aria-checked=true]")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(pair / "plate.png")
    page.wait_for_selector("#backgrounds [data-kind=own][aria-checked=true]")
    page.focus("#mode-clip")
    page.keyboard.press("Enter")
    page.focus("#clip-start")
    page.keyboard.press("Enter")
    assert focused(page) == "file-clip"
    assert page.locator("#toasts").get_attribute("role") == "alert"
    assert page.inner_text(".toast").startswith("Choose a clip first.")


NAMELESS = """() => [...document.querySelectorAll(
  "button, a, input, select, [role=radio], [role=slider]"
)]
  .filter((one) => !(one.ariaLabel || one.textContent.trim() || one.labels?.length))
  .map((one) => one.outerHTML)"""

BEYOND = """cards => [...document.querySelectorAll(cards)].flatMap((card) => {
  const edge = card.getBoundingClientRect().right;
  const fields = [...card.querySelectorAll("select, input, button")];
  const beyond = fields.filter((one) => one.getBoundingClientRect().right > edge);
  return beyond.map((one) => one.outerHTML);
})"""


def test_every_control_has_a_name_and_fits_a_small_phone(page):
    page.set_viewport_size({"width": 360, "height": 700})
    page.click("#sample")
    page.wait_for_selector(CUT.format(1))
    page.click("#picture summary")
    for mode in ("picture", "clip", "camera"):
        page.click(f"#mode-{mode}")
        if mode == "clip":
            page.click("#clip-form summary")
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert page.evaluate(BEYOND, f"#{mode} .card") == []
    assert page.evaluate(NAMELESS) == []
