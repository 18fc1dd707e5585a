"""The job folder: what is done stays done, what changed is named, one process at a time."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from cleanplate.errors import OutputError
from cleanplate.jobs import manifest as job_manifest
from cleanplate.jobs.manifest import hash_file, hash_files, open_job
from commands import files

GIVEN = {"the input take.mp4": "a1", "the plate empty.jpg": "b2", "--codec": "prores"}


ENDINGS = ("mov", "npz")  # a file, and how the work stood at its end


def add_part(job, first, count):
    names = [f"part-{first:06d}.{ending}" for ending in ENDINGS]
    for name in names:
        (job.folder / name).write_bytes(b"frames %d" % first)
    job.add(first + count, count, names)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out.mov.job"


def test_a_job_goes_on_where_it_stopped(folder):
    with open_job(folder, GIVEN) as job:
        add_part(job, 0, 10)
        add_part(job, 10, 7)
        (folder / "part-000017.mov").write_bytes(b"half a part")
        (folder / ".cleanplate-0123.mov").write_bytes(b"a file cut short")
    with open_job(folder, GIVEN) as job:
        assert job.manifest.frames == job.manifest.after == 17
        assert not job.manifest.complete
        parts = [f"part-{first}.{ending}" for first in ("000000", "000010") for ending in ENDINGS]
        assert files(folder) == ["lock", "manifest.json", *parts]
        job.complete()
    with open_job(folder, GIVEN) as job:
        assert job.manifest.complete
        job.remove()
    assert not folder.exists()


def test_a_part_may_be_a_folder_of_stills(folder):
    with open_job(folder, GIVEN) as job:
        (folder / "part-0" / "FG").mkdir(parents=True)
        (folder / "part-0" / "FG" / "0001.png").write_bytes(b"1")
        (folder / "part-0.npz").write_bytes(b"state")
        job.add(1, 1, ["part-0", "part-0.npz"])
    with open_job(folder, GIVEN) as job:
        assert list(job.manifest.parts[0].files) == ["part-0/FG/0001.png", "part-0.npz"]
    (folder / "part-0" / "FG" / "0001.png").unlink()
    with open_job(folder, GIVEN) as job:
        assert job.manifest.parts == ()


@pytest.mark.parametrize("harm", ["damaged", "gone"])
def test_damaged_parts_are_done_again_with_those_after_them(folder, harm):
    with open_job(folder, GIVEN) as job:
        for first in (0, 5, 10):
            add_part(job, first, 5)
        job.complete()
    harmed = folder / "part-000010.mov"
    harmed.unlink() if harm == "gone" else harmed.write_bytes(b"frames 6")
    with open_job(folder, GIVEN) as job:
        assert job.manifest.frames == 10
        assert not job.manifest.complete
        parts = ["part-000000.mov", "part-000005.mov", "part-000005.npz"]
        assert files(folder) == ["lock", "manifest.json", *parts]


def test_only_the_last_two_states_are_kept(folder):
    """Each holds a picture; where a part before them is harmed there is nothing to go on from."""
    with open_job(folder, GIVEN) as job:
        for first in (0, 5, 10, 15):
            (folder / f"part-{first}.npz").write_bytes(b"%d" % first)
            (folder / f"part-{first}.mov").write_bytes(b"%d" % first)
            job.add(first + 5, 5, [f"part-{first}.npz", f"part-{first}.mov"])
        assert [file for file in files(folder) if file.endswith(".npz")] == [
            "part-10.npz",
            "part-15.npz",
        ]
    (folder / "part-15.mov").unlink()
    with open_job(folder, GIVEN) as job:
        assert job.manifest.frames == 15
    (folder / "part-5.mov").unlink()
    with open_job(folder, GIVEN) as job:
        assert job.manifest.parts == ()


def test_a_job_without_parts_leaves_nothing(folder):
    def fail():
        with open_job(folder, GIVEN):
            (folder / "part-000000.mov").write_bytes(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not folder.exists()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("the input take.mp4", "c3", "the input take.mp4 has changed"),
        ("the plate empty.jpg", "c3", "the plate empty.jpg has changed"),
        ("--codec", "vp9", "--codec was prores, now vp9"),
        ("--codec", None, "--codec was prores, now not given"),
        ("--linear", "yes", "--linear was not given, now yes"),
        ("the new background sky.mp4", "d4", "the new background sky.mp4 was not part of it"),
    ],
)
def test_what_changed_is_named(folder, name, value, words):
    with open_job(folder, GIVEN) as job:
        add_part(job, 0, 10)
    other = {key: text for key, text in {**GIVEN, name: value}.items() if text is not None}
    before = {path: (folder / path).read_bytes() for path in files(folder)}
    with pytest.raises(OutputError) as caught, open_job(folder, other):
        pass
    message = str(caught.value)
    assert words in message
    assert "10 frames" in message
    assert "--restart" in message
    assert "\n" not in message
    assert before == {path: (folder / path).read_bytes() for path in files(folder)}
    with open_job(folder, other, restart=True) as job:
        assert job.manifest.frames == 0
        assert job.manifest.given == other


def test_a_folder_of_somebody_else_is_left_alone(folder):
    folder.mkdir()
    (folder / "letters.txt").write_text("dear")
    for restart in (False, True):
        with (
            pytest.raises(OutputError, match=r"letters\.txt"),
            open_job(folder, GIVEN, restart=restart),
        ):
            pass
    assert files(folder) == ["letters.txt"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99}', '{"format": 1, "more": 2}'])
def test_a_manifest_that_cannot_be_read(folder, text):
    folder.mkdir()
    (folder / "manifest.json").write_text(text)
    with pytest.raises(OutputError, match="--restart"), open_job(folder, GIVEN):
        pass
    with open_job(folder, GIVEN, restart=True) as job:
        assert job.manifest.frames == 0


def test_one_process_at_a_time(folder):
    code = """
        import sys
        from pathlib import Path
        from cleanplate.jobs.manifest import open_job
        with open_job(Path(sys.argv[1]), {}) as job:
            (job.folder / "part-0").write_bytes(b"")
            job.add(1, 1, ["part-0"])
            print("locked", flush=True)
            sys.stdin.read()
    """
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout.readline() == b"locked\n"
    with pytest.raises(OutputError, match="Another process"), open_job(folder, {}):
        pass
    holder.kill()
    holder.communicate(timeout=20)
    with open_job(folder, {}) as job:  # the lock ends with the process
        assert job.manifest.frames == 1


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "none" / "out.mov.job"):
        with pytest.raises(OutputError, match="folder"), open_job(path, GIVEN):
            pass


def test_hashes_tell_contents_names_and_order_apart(tmp_path):
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (tmp_path / name for name in "abc")
    assert hash_file(a) == hash_file(b) != hash_file(c)
    assert len({hash_files(paths) for paths in ([a], [b], [a, b], [b, a], [a, c])}) == 5


def test_large_files_are_hashed_by_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(job_manifest, "WHOLE", 1000)
    monkeypatch.setattr(job_manifest, "PIECE", 100)
    monkeypatch.setattr(job_manifest, "PIECES", 4)
    path = tmp_path / "large"
    content = bytearray(os.urandom(5000))
    path.write_bytes(content)
    hashed = hash_file(path)
    for place in (0, 4999):  # the first and the last piece are among them
        content[place] ^= 1
        path.write_bytes(content)
        assert hash_file(path) != hashed
        content[place] ^= 1
    path.write_bytes(content + b"x")
    assert hash_file(path) != hashed


def test_the_manifest_is_plain(folder):
    with open_job(folder, GIVEN) as job:
        add_part(job, 0, 10)
        read = json.loads((folder / "manifest.json").read_text())
        assert read["given"] == GIVEN
        assert read["parts"][0]["count"] == 10
        assert len(read["parts"][0]["files"]["part-000000.mov"]) == 64
        assert Path(folder / "part-000000.mov").is_file()
