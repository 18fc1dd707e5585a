"""The commands of the student as they are typed: train student, adapt, train bill."""

import json
import shutil

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

import footage as made
from cleanplate.errors import InputError
from cleanplate.network import load_model, weights_path
from cleanplate.training import checkpoint
from cleanplate.training.bill import Entry, with_earlier, write_bill
from cleanplate.training.networks.refiner import TileRefiner
from commands import run

pytestmark = pytest.mark.usefixtures("one_thread")


def refused(result, *words):
    said = [line for line in result.stderr.splitlines() if not line.startswith("note:")]
    assert result.exit_code == 2, result.output
    assert len(said) == 1
    assert said[0].startswith("cleanplate: ")
    for word in words:
        assert word in said[0]


def state_source(folder, commercial):
    folder.mkdir(parents=True, exist_ok=True)
    said = {"source": "ours", "licence": "CC0", "commercial": commercial, "note": "a | b"}
    (folder / "SOURCE.json").write_text(json.dumps(said))


def entry(folder, count, commercial=True):
    return Entry("backgrounds", folder, count, "theirs", "CC0", commercial)


def test_a_bill_keeps_what_was_seen_before(tmp_path):
    path = tmp_path / "bill.json"
    assert with_earlier([entry("a", 3)], path) == [entry("a", 3)]
    write_bill([entry("a", 9), entry("b", 1), entry("c", 2, False)], path)
    joined = with_earlier([entry("a", 3), entry("c", 4), entry("d", 5)], path)
    expected = {entry("a", 9), entry("b", 1), entry("c", 2, False), entry("c", 4), entry("d", 5)}
    assert set(joined) == expected
    assert len(joined) == 5
    for text in ("{", '[{"pool": "backgrounds"}]', "[1]"):
        path.write_text(text)
        with pytest.raises(InputError, match="cannot be read as a bill"):
            with_earlier([], path)


def test_train_student_and_adapt(tmp_path, folders):
    made.write_clip(tmp_path / "footage" / "one")
    (tmp_path / "teacher").mkdir()
    weights, folder = made.write_teacher(tmp_path / "teacher" / "teacher.pt"), tmp_path / "run"
    write_bill([entry("of-the-teacher", 1)], weights.with_name("bill.json"))
    train = ["train", "student", folder, tmp_path / "footage", folders[1], "--teacher", weights]
    train += ["--size", 64, "--batch", 1, "--device", "cpu", "--planned-steps"]
    result = run(*train, 1)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{folder / 'checkpoint.pt'}\n"
    (seen, clip, rooms) = json.loads((folder / "bill.json").read_text())
    assert seen["folder"] == "of-the-teacher"
    assert (clip["pool"], clip["folder"], clip["count"]) == ("footage", "footage/one", 1)
    assert (rooms["count"], rooms["licence"], rooms["commercial"]) == (4, "not stated", None)
    refused(run(*train, 1), "already holds a run; add --resume")
    state_source(tmp_path / "footage", True)
    rooms = shutil.copytree(folders[1], tmp_path / "rooms")
    state_source(rooms, True)
    again = ["train", "student", folder, tmp_path / "footage", rooms, "--ship", "--resume"]
    refused(run(*again), "backgrounds/rooms (4, not stated: commercial use unknown)")
    again = [*train, 2, "--resume"]
    said = f"note: {folder} goes on with the teacher that it began with; {weights} is not read."
    assert said in run(*again).stderr

    out = tmp_path / "take.onnx"
    adapt = ["adapt", tmp_path / "footage" / "one", "--start", weights, "--minutes", 0.01]
    plate = ["--plate", tmp_path / "footage" / "one" / "plate.png", "-o", out]
    result = run(*adapt, *plate)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{out}\n"
    assert "Loss without labels on frames held out: " in result.stderr
    # All that `cut --model` wants of a clip, with what the adapting left as it was.
    assert load_model(out).remembers
    assert load_model(out).refiner is not None
    own = tmp_path / "run" / "teacher.pt"
    shutil.copy(weights, own)
    refiner = {"network": TileRefiner().state_dict(), "step": 1}
    checkpoint.save(own.with_name("refiner.pt"), refiner)
    assert run(*adapt[:2], "--start", own, "--minutes", 0.01, *plate).exit_code == 0
    shipped = weights_path("default").with_suffix(".refiner.onnx")
    assert (tmp_path / "take.refiner.onnx").read_bytes() != shipped.read_bytes()


def test_mistakes_are_told_in_one_line(tmp_path, folders):
    made.write_clip(tmp_path / "footage" / "one")
    weights, out = made.write_teacher(tmp_path / "teacher.pt"), tmp_path / "out"
    end = [folders[1], "--teacher", weights, "--device", "cpu"]
    (tmp_path / "bare").mkdir()
    refused(run("train", "student", out, tmp_path / "none", *end), "none is not a folder")
    refused(run("train", "student", out, tmp_path / "bare", *end), "holds no clips")
    footage = tmp_path / "footage"
    refused(run("train", "student", out, footage, tmp_path / "bare", *end[1:]), "no pictures")
    refused(run("train", "student", out, footage, *end, "--ship"), "must not be trained on")
    nothing = [tmp_path / "none", *end]  # sizes are seen before clips are read
    refused(run("train", "student", out, *nothing, "--size", 100), "give a multiple of 16")
    seed = run("train", "student", out, *nothing, "--seed", -1)
    assert "Invalid value for '--seed'" in seed.stderr
    clip = ["adapt", footage / "one", "--start", weights, "-o"]
    refused(run(*clip, tmp_path / "a.pt"), "must end in .onnx")
    refused(run(*clip, tmp_path / "no" / "a.onnx"), "its folder does not exist")
    refused(run("adapt", tmp_path / "no.mp4", "-o", tmp_path / "a.onnx"), "no.mp4 is not there")
    refused(
        run(*clip[:3], tmp_path / "no.pt", "-o", tmp_path / "a.onnx"), "is not there", "--start"
    )
    student = ["train", "student", out, footage, folders[1], "--teacher", tmp_path / "no.pt"]
    refused(run(*student), "is not there: name a checkpoint of a teacher with --teacher")
    assert not out.exists()


def test_bill_lists_sources_and_refuses_what_may_not_ship(tmp_path, folders):
    foregrounds, backgrounds = folders
    own = tmp_path / "own"
    for name, origin in (("people", foregrounds / "people"), ("rooms", backgrounds / "rooms")):
        (own / name).mkdir(parents=True)
        (own / name / "pool").symlink_to(origin)
    state_source(own / "people", True)
    state_source(own / "rooms", True)
    pools = [own / "people", own / "rooms"]
    for name in ("rooms/room-0.jpg", "rooms/SOURCE.json"):
        refused(run("train", "bill", *pools, "-o", own / name), "name it .md or .json")
    assert json.loads((own / "rooms" / "SOURCE.json").read_text())["source"] == "ours"
    result = run("train", "bill", *pools, "--ship")
    assert result.exit_code == 0, result.output
    assert "| foregrounds | people | 4 | ours | CC0 | allowed | a / b |" in result.stdout
    assert "| **backgrounds** | | **4** |" in result.stdout

    state_source(own / "rooms", False)
    assert run("train", "bill", *pools, "-o", tmp_path / "bill.md").exit_code == 0
    assert "forbidden" in (tmp_path / "bill.md").read_text()
    refused(run("train", "bill", *pools, "--ship"), "rooms (4, CC0: commercial use forbidden)")
    (own / "rooms" / "SOURCE.json").write_text('{"source": "ours", "licence": "CC0"}')
    refused(run("train", "bill", *pools, "--ship"), "rooms (4, CC0: commercial use unknown)")
    (own / "rooms" / "SOURCE.json").write_text('{"source": "ours"}')
    refused(run("train", "bill", *pools), 'must say "source" and "licence"')
    (own / "rooms" / "SOURCE.json").write_text("{")
    refused(run("train", "bill", *pools), "cannot be read as JSON")
