"""Data sets: what is left out, what stays together, shards that training reads, going on."""

import json
import shutil
import tarfile

import cv2
import numpy as np
import pytest

import pools
from cleanplate.errors import OutputError
from cleanplate.jobs.lock import locked
from cleanplate.spread import spread
from cleanplate.training.data import read_pool
from cleanplate.training.dataset import build as building
from cleanplate.training.dataset.check import check_dataset
from cleanplate.training.dataset.likeness import near_duplicates, thumbnail
from cleanplate.training.dataset.manifest import read_manifest
from cleanplate.training.dataset.mattes import find_defects
from cleanplate.training.dataset.sources import find_foregrounds, subject_of
from commands import files, run


def disc(size=160, radius=50, softness=3.0, down=0):
    y, x = np.mgrid[:size, :size].astype(np.float32)
    away = np.hypot(y - size / 2 - down, x - size / 2)
    alpha = np.clip((radius - away) / softness + 0.5, 0, 1)
    return np.round(alpha * 255).astype(np.uint8)[..., None]


def kinds(alpha, colour=(200, 160, 130)):
    foreground = np.broadcast_to(np.array(colour, np.uint8), (*alpha.shape[:2], 3)).copy()
    return [defect.kind for defect in find_defects(foreground, alpha)]


def test_a_good_matte_has_no_defect():
    assert kinds(disc()) == []


def test_each_defect_is_found():
    hole = disc()
    hole[70:86, 70:86] = 60
    assert kinds(np.zeros_like(hole)) == ["empty"]
    assert kinds(np.full_like(hole, 255)) == ["opaque"]
    assert kinds(hole) == ["holes"]
    assert kinds(disc(down=-80)) == ["cut-off"]
    assert kinds(np.where(disc() > 127, 255, 0).astype(np.uint8)) == ["hard"]
    foreground = np.full((160, 160, 3), 130, np.uint8)
    foreground[disc(radius=44)[..., 0] < 128, 1] = 220
    assert [d.kind for d in find_defects(foreground, disc())] == ["spill"]


def test_a_clear_gap_near_the_outline_is_no_hole():
    alpha = disc()
    alpha[60:100, 38:46] = 0
    assert "holes" not in kinds(alpha)


def test_near_duplicates_are_found_and_others_are_not():
    one, alpha = pools.cut_out(1, 144, 96)
    smaller = cv2.resize(one, (72, 108)), cv2.resize(alpha, (72, 108))
    darker = (one * 0.8).astype(np.uint8)
    others = [pools.cut_out(seed, 144, 96) for seed in range(2, 8)]
    seen = [(one, alpha), smaller, (darker, alpha), (one[:, ::-1].copy(), alpha), *others]
    pairs = near_duplicates([thumbnail(c, a[..., None]) for c, a in seen])
    assert {(0, 1), (0, 2), (0, 3)} <= set(pairs)
    assert max(later for _, later in pairs) == 3


def test_subjects_are_told_from_names():
    assert subject_of("a/anna-01.jpg", "name") == subject_of("a/anna-02.jpg", "name") == "a/anna"
    assert subject_of("anna/take_FG.000012.png", "name") == "anna/take"
    assert subject_of("people/0001.jpg", "name") == "people"
    assert subject_of("anna/1.jpg", "folder") == "anna"
    assert subject_of("anna/1.jpg", "each") != subject_of("anna/2.jpg", "each")


def test_what_key_writes_is_taken_once(tmp_path):
    pools.write_whole(tmp_path / "ben.foreground.png")
    pools.write_whole(tmp_path / "take_FG.000001.png", 3)
    for name in ("ben.alpha.png", "ben.composite.png", "take_Matte.000001.png"):
        cv2.imwrite(str(tmp_path / name), pools.cut_out()[1])
    found = find_foregrounds(tmp_path, "name", building.Origin())
    assert [one.name for one in found] == ["ben.foreground.png", "take_FG.000001.png"]


@pytest.fixture
def pictures(tmp_path):
    """Four people with two pictures each, one file twice, backgrounds, and where they are from."""
    folder = tmp_path / "foregrounds"
    for seed in range(8):
        pools.write_pair(folder, f"person{'abcd'[seed // 2]}-{seed}", seed)
        colour, alpha = pools.cut_out(seed, 144, 96)
        name = folder / f"person{'abcd'[seed // 2]}-{seed}"
        cv2.imwrite(f"{name}.jpg", colour[..., ::-1])
        cv2.imwrite(f"{name}.png", alpha)
    for ending in ("jpg", "png"):
        shutil.copy(folder / f"persona-0.{ending}", folder / f"persond-9.{ending}")
    (folder / "SOURCE.json").write_text('{"source": "us", "licence": "CC0"}')
    for seed in range(6):
        pools.write_room(tmp_path / "backgrounds" / f"room-{seed}.jpg", seed)
    return tmp_path


def build(folder, out="out", **options):
    said = []
    options = building.BuildOptions(**{"count": 5, "size": 64, "shard": 2, **options})
    made = building.build_dataset(
        folder / "foregrounds", folder / "backgrounds", folder / out, options, said.append
    )
    return made, said


def test_a_built_set_is_whole_and_no_subject_is_in_two_splits(pictures):
    made, _ = build(pictures, held_out=0.3, keep=frozenset({"spill"}))
    assert made == read_manifest(pictures / "out")
    people = {
        split: {entry.subject for entry in made.kept("foreground", split)}
        for split in ("train", "held-out")
    }
    assert people["train"]
    assert people["held-out"]
    assert not people["train"] & people["held-out"]
    assert [entry.name for entry in made.left_out()] == ["persond-9.jpg"]
    assert {"CC0"} == {entry.licence for entry in made.entries if entry.kind == "foreground"}
    assert not [
        finding for finding in check_dataset(pictures / "out", "name", None) if finding.wrong
    ]
    assert "persond-9" in (pictures / "out" / "report.html").read_text()


def test_training_reads_the_pools_and_composites_are_webdataset(pictures):
    made, _ = build(pictures)
    out = pictures / "out" / "train"
    assert len(read_pool(out / "foregrounds", True)) == len(made.kept("foreground", "train"))
    assert len(read_pool(out / "backgrounds", False)) == len(made.kept("background", "train"))
    with tarfile.open(out / "composites" / "000000.tar") as tar:
        names = tar.getnames()
        said = json.load(tar.extractfile("00000001.json"))
    assert [name.split(".")[1] for name in names[:5]] == [
        "composite", "plate", "foreground", "alpha", "json",
    ]  # fmt: skip
    assert said["split"] == "train"
    assert len(names) == 10


def test_a_stopped_build_goes_on_and_gives_the_same_bytes(pictures, monkeypatch):
    whole, _ = build(pictures, "whole")
    make, calls = building.make_composites, []

    def dies(task):
        calls.append(task)
        if len(calls) == 2:
            half = (task.folder / task.path).with_name(".cleanplate-0.tar")
            half.write_bytes(b"half")  # what a process leaves that is killed while it writes
            raise KeyboardInterrupt
        return make(task)

    monkeypatch.setattr(building, "make_composites", dies)
    with pytest.raises(KeyboardInterrupt):
        build(pictures)
    again, said = build(pictures)
    assert len(calls) == 2 + len([s for s in whole.shards if "composites" in s.path]) - 1
    assert "going on" in said[0]
    assert again.shards == whole.shards
    left_behind = (".done", "plan.json", "lock")
    assert not [name for name in files(pictures / "out") if name.endswith(left_behind)]
    assert files(pictures / "out") == files(pictures / "whole")


def test_two_do_not_build_one_set(pictures):
    with locked(pictures / "out"), pytest.raises(OutputError, match="Another process works on"):
        build(pictures)
    assert not (pictures / "out").exists()
    with locked(pictures / "out"):
        (pictures / "out" / "notes.txt").write_text("ours")
    assert files(pictures / "out") == ["notes.txt"]


def test_check_says_what_is_damaged(pictures):
    build(pictures)
    shard = pictures / "out/train/composites/000000.tar"
    content = bytearray(shard.read_bytes())
    content[700] ^= 1
    shard.write_bytes(content)
    (pictures / "out/held-out/foregrounds/000000.tar").unlink()
    result = run("dataset", "check", pictures / "out")
    assert result.exit_code == 2
    assert "000000.tar is damaged" in result.stdout
    assert "000000.tar is missing" in result.stdout


def test_check_of_pools_and_the_sheets(pictures):
    result = run("dataset", "check", pictures, "--report", pictures / "page.html")
    assert result.exit_code == 2
    assert "copy, 1 x (persond-9.jpg)" in result.stdout
    build(pictures)
    for folder, name in (("out", "set.png"), ("foregrounds", "pool.png")):
        made = run("dataset", "show", pictures / folder, "-o", pictures / name, "--count", 3)
        assert made.exit_code == 0, made.output
        assert cv2.imread(str(pictures / name)).std() > 10


def test_refused(pictures):
    with_one = ["dataset", "build", pictures / "foregrounds", pictures / "backgrounds"]
    result = run(*with_one, "-o", pictures / "out", "--subjects", "folder")
    assert result.exit_code == 2
    assert "--subjects" in result.stderr
    assert run(*with_one, "-o", pictures / "out", "--keep", "beauty").exit_code == 2
    (pictures / "one").mkdir()
    pools.write_room(pictures / "one" / "room.jpg", 1)
    few = run(
        "dataset", "build", pictures / "foregrounds", pictures / "one", "-o", pictures / "out"
    )
    assert few.exit_code == 2
    assert "of the backgrounds can be used" in few.stderr
    (pictures / "damaged").mkdir()
    (pictures / "damaged" / "anna.png").write_bytes(b"this is no picture")
    (pictures / "damaged" / "ben.png").write_bytes(b"nor is this")
    both = pictures / "damaged", pictures / "backgrounds"
    none = run("dataset", "build", *both, "-o", pictures / "out")
    assert none.exit_code == 2
    assert "anna.png (anna.png cannot be read as a picture" in none.stderr
    assert str(pictures / "damaged" / "anna.png") not in none.stderr  # it goes into the data set
    picture = pictures / "foregrounds" / "persona-0.png"
    before = picture.read_bytes()
    shown = run("dataset", "show", pictures / "foregrounds", "-o", picture)
    assert "is one of the inputs" in shown.stderr
    paged = run("dataset", "check", pictures / "foregrounds", "--report", picture)
    assert "name it .html" in paged.stderr
    assert (shown.exit_code, paged.exit_code) == (2, 2)
    assert picture.read_bytes() == before
    build(pictures, "done")
    paged = run("dataset", "check", pictures / "done", "--report", pictures / "page.html")
    assert paged.exit_code == 2
    assert "leave it out" in paged.stderr
    assert "finished" in run(*with_one, "-o", pictures / "done").stderr
    assert not (pictures / "out").exists()


def doubled(number):
    return 2 * number


@pytest.mark.slow
def test_processes_give_every_result():
    assert dict(spread(doubled, [1, 2, 3], workers=2)) == {1: 2, 2: 4, 3: 6}
