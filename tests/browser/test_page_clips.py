"""Clips in the page: started, stopped, found again, in one tab and in two."""

import re

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the studio needs the extra studio")
pytest.importorskip("httpx", reason="the helpers of these tests need httpx")

import takes
from studios import SAMPLE, decoded

FORWARD = "() => document.getElementById('clip-progress').value > 0.15"
LONG = 480  # frames that a quick machine still cuts when it is told to stop


def take(path, count):
    """A clip of the sample, small: the empty room for 10 frames, then the person."""
    empty, full = (
        cv2.resize(
            np.ascontiguousarray(decoded((SAMPLE / name).read_bytes())[..., ::-1]),
            (takes.WIDTH, takes.HEIGHT),
            interpolation=cv2.INTER_AREA,
        )
        for name in ("plate.jpg", "frame.jpg")
    )
    takes.write_take(path, count, 25, lambda index: empty if index < 10 else full)
    return path


def start(page, clip, *ticks, quality="normal", keep=None):
    """Hand a clip over to be cut into FFV1, its plate made of its empty start."""
    page.click("#mode-clip")
    page.set_input_files("#file-clip", clip)
    page.fill("#clip-seconds", "0.4")
    page.select_option("#clip-format", "mkv ffv1")
    page.select_option("#clip-temporal", "smooth")
    page.select_option("#clip-quality", quality)
    for tick in ticks:
        page.check(f"#{tick}")
    if keep:
        keep(page, "clip-form")
    page.click("#clip-start")
    page.wait_for_selector("#clip-job:visible")


def downloaded(page, folder):
    """Save the result of a page; gives its name and how many frames are in it."""
    page.wait_for_selector("#clip-file-main:visible")
    with page.expect_download() as download:
        page.click("#clip-file-main")
    name = download.value.suggested_filename
    download.value.save_as(folder / name)
    return name, len(takes.frames_of(folder / name))


def test_clip_is_stopped_and_goes_on(page, tmp_path, keep):
    clip = take(tmp_path / "My take.mkv", 60)
    start(page, clip, "clip-report", "clip-matte", quality="best", keep=keep)
    page.wait_for_function(FORWARD)
    page.click("#clip-cancel")
    page.wait_for_selector("#clip-resume:visible")
    assert page.inner_text("#clip-state") == "Stopped"
    page.reload()  # in the middle: the job is found again
    page.click("#clip-resume")
    page.wait_for_selector("#clip-file-main:visible")
    keep(page, "clip")
    with page.expect_popup() as report:
        page.click("#clip-file-report")
    assert "60 frames" in report.value.inner_text("body")
    assert report.value.title() == "Cutout of My take.mkv"
    keep(report.value, "clip-report")
    report.value.close()
    with page.expect_download() as download:
        page.click("#clip-file-matte")
    assert download.value.suggested_filename == "My take.matte.mkv"
    assert downloaded(page, tmp_path) == ("My take.cutout.mkv", 60)
    shape = takes.frames_of(tmp_path / "My take.cutout.mkv").shape
    assert shape == (60, takes.HEIGHT, takes.WIDTH, 4)


def test_clips_of_two_tabs_do_not_touch_each_other(page, tmp_path):
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector("body[data-started]")
    start(page, take(tmp_path / "long.mkv", LONG))
    start(other, take(tmp_path / "short.mkv", 40))
    ids = {re.search("clip=([^&]*)", tab.url)[1] for tab in (page, other)}
    assert len(ids) == 2
    assert other.inner_text("#clip-state") == "Waiting for another clip"
    assert other.inner_text("#clip-words") == "1 clip is before it"
    other.click("#clip-cancel")
    other.wait_for_selector("#clip-state >> text=Stopped")
    page.wait_for_function(FORWARD)  # stopped in one tab, the other one goes on
    assert page.is_visible("#clip-cancel")
    other.click("#clip-resume")
    other.wait_for_selector("#clip-cancel:visible")
    for tab, name in ((other, "short.mkv"), (page, "long.mkv")):  # in the middle: found again
        tab.reload()
        tab.wait_for_selector(f"#clip-title >> text={name}")
        assert not tab.is_visible("#clip-form")
    assert f"of {LONG} frames" in page.inner_text("#clip-words")
    page.click("#clip-cancel")
    page.wait_for_selector("#clip-state >> text=Stopped")
    assert downloaded(other, tmp_path) == ("short.cutout.mkv", 40)
    assert page.inner_text("#clip-state") == "Stopped"
    page.reload()
    page.click("#clip-resume")
    assert downloaded(page, tmp_path) == ("long.cutout.mkv", LONG)
    assert other.inner_text("#clip-words") == "40 of 40 frames"
    other.close()


def test_a_reload_finds_the_picture_and_the_clip(page, pair, tmp_path):
    page.click("#sample")
    page.wait_for_selector('body[data-revision="1"]')
    start(page, take(tmp_path / "take.mkv", 40))
    page.click("#mode-picture")
    page.click("#again")
    page.click("#sample")
    page.wait_for_selector('body[data-revision="1"]')
    page.reload()
    page.wait_for_selector("body[data-revision]")
    assert page.is_visible("#workplace")
    page.click("#mode-clip")
    page.wait_for_selector("#clip-file-main:visible")
    page.reload()
    page.wait_for_selector("#clip-title >> text=take.mkv")
    page.click("#clip-forget")
    assert page.evaluate("document.activeElement.id") == "file-clip"
    assert "clip=" not in page.url
    assert "shot=" in page.url


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


def test_a_finished_clip_is_played_to_who_watched_it(page, tmp_path):
    page.click("#mode-clip")
    page.fill("#clip-seconds", "0")  # refused by the browser, and not asked for below
    page.select_option("#clip-plate-from", "file")
    page.set_input_files("#file-clip-plate", SAMPLE / "plate.jpg")
    page.set_input_files("#file-clip", take(tmp_path / "take.mkv", 30))
    page.select_option("#clip-over", "colour")
    page.select_option("#clip-format", "mp4 h264")
    page.click("#clip-start")
    page.wait_for_selector("#clip-file-main:visible")
    assert page.is_visible("#clip-view")
    assert page.get_attribute("#clip-view", "src").endswith("/file")


def test_the_same_file_can_be_chosen_again(page, tmp_path):
    page.click("#mode-clip")
    for _ in range(2):
        page.set_input_files("#file-clip", take(tmp_path / "take.mkv", 12))
        assert page.locator("#drop-clip .file").inner_text().startswith("take.mkv")
        assert page.input_value("#file-clip") == ""
