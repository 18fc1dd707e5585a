"""The page of a job: every number is there, spikes are kept, nothing is fetched."""

import base64
import re
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest

from cleanplate.errors import OutputError
from cleanplate.jobs.notes import FrameRecord, Look, PartNotes, pick_looks
from cleanplate.jobs.report import (
    ClipFacts,
    clock,
    doubts,
    lost_ranges,
    write_clip_report,
)
from pictures import Cut


@dataclass(frozen=True)
class SomeNote:
    residual: float = 0.3
    gain: tuple = (1.0, 1.0, 1.0)
    agreement: float = 0.8
    uncertain: float = 0.02
    lost: bool = False
    words: str = ""


def record(index, **values):
    plain = FrameRecord(index, index / 25, 0.3, (1.0, 1.0, 1.0), 0.8, 0.02, 0.001, False)
    return replace(plain, **values)


def cut_at(column, height=40, width=60):
    alpha = np.zeros((height, width, 1), np.float32)
    alpha[:, column : column + 10] = 1
    return Cut(np.full((height, width, 3), 0.5, np.float32), alpha)


def test_notes_of_a_part():
    notes = PartNotes(None)
    frame = np.full((40, 60, 3), 77, np.uint8)
    notes.add(7, 0.28, SomeNote(), frame, cut_at(10))
    notes.add(8, 0.32, SomeNote(residual=0.9), frame, cut_at(10))
    notes.add(9, 0.36, SomeNote(residual=float("nan"), lost=True), frame, cut_at(16))
    first, second, third = notes.records
    assert (first.change, second.change) == (0, 0)
    assert third.change == pytest.approx(12 / 60)  # 6 columns in, 6 columns out
    assert third.residual is None
    looks = {look.reason: look for look in notes.looks()}
    assert looks["residual"].index == 8
    assert looks["lost"].index == looks["change"].index == 9
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(looks["lost"].jpeg), np.uint8), 1)
    assert shown.shape == (40, 120, 3)
    assert abs(int(shown[20, 10, 0]) - 77) < 6  # the frame on the left


def test_change_goes_on_over_parts():
    whole, frame = PartNotes(None), np.zeros((40, 60, 3), np.uint8)
    whole.add(0, 0, SomeNote(), frame, cut_at(10))
    part = PartNotes(whole.previous)
    part.add(1, 0.04, SomeNote(), frame, cut_at(20))
    assert part.records[0].change == pytest.approx(20 / 60)


def test_looks_are_the_worst_and_apart():
    looks = [Look(index, index / 25, "residual", index % 50, "") for index in range(500)]
    picked = pick_looks(looks, each=3, apart=1.0)
    assert len(picked) == 3
    assert [look.index for look in picked] == sorted(look.index for look in picked)
    assert all(look.value == 49 for look in picked)
    assert pick_looks([]) == []


def test_page(tmp_path):
    records = [record(index) for index in range(2000)]
    records[1234] = record(1234, residual=7.5, lost=False)
    for index in (*range(1500, 1520), 1600):
        records[index] = record(index, residual=None, lost=True)
    records[700] = record(700, words="The plate is dark & old.")
    looks = [Look(1234, 49.36, "residual", 7.5, "QUJD")]
    facts = ClipFacts("<take>.mp4", ("1920 x 1080",))
    write_clip_report(tmp_path / "page.html", facts, records, looks)
    page = (tmp_path / "page.html").read_text()
    assert "&lt;take&gt;.mp4" in page
    assert "From frame 700 (0:28.00): The plate is dark &amp; old." in page
    assert "1500 to 1519, 1600" in page
    assert "frame 1234, 0:49.36" in page
    assert "data:image/jpeg;base64,QUJD" in page
    assert page.count("<svg") == 5
    assert not re.search(r"(src|href)=[\"']?(http|//)|@import|url\(", page)
    fit = re.search(r'<path class="" d="([^"]+)"', page).group(1)
    assert len(re.findall("[ML]", fit)) <= 500  # a long clip keeps the page small ...
    assert re.search(r"L\d+\.\d 0\.0", fit)  # ... and the single spike reaches the top
    assert fit.count("M") >= 2  # the line breaks where the plate was lost


def test_page_of_one_frame_and_without_any_fit(tmp_path):
    records = [record(0, residual=None, agreement=None, lost=True)]
    write_clip_report(tmp_path / "page.html", ClipFacts("take"), records, [])
    page = (tmp_path / "page.html").read_text()
    assert "nan" not in page.replace("</span>", "")
    assert "lost in frames 0:" in page


def test_page_that_cannot_be_written(tmp_path):
    with pytest.raises(OutputError, match="folder"):
        write_clip_report(tmp_path / "no" / "page.html", ClipFacts("take"), [record(0)], [])


def test_lost_stretches():
    lost = [record(index, lost=index in (0, 1, 2, 7, 9)) for index in range(10)]
    assert lost_ranges(lost) == [(0, 2), (7, 7), (9, 9)]
    assert doubts([record(0)]) == []
    many = [record(index, lost=index % 2 == 0) for index in range(20)]
    assert "4 more stretches" in doubts(many)[0]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00.00"), (59.999, "1:00.00"), (61.5, "1:01.50"), (3723.25, "1:02:03.25")],
)
def test_clock(seconds, text):
    assert clock(seconds) == text
