"""Clips in the studio: jobs that are cancelled, resumed, refused."""

import io
import threading
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the studio needs the extra studio")
pytest.importorskip("httpx", reason="its test client needs httpx")

from fastapi import UploadFile

import takes
from cleanplate.jobs import clips as video_job
from cleanplate.jobs import manifest as job_manifest
from cleanplate.media.browser import png_bytes
from cleanplate.studio.uploads import shown_name
from studios import SAMPLE, client_of, kept, refused


@pytest.fixture
def clips(tmp_path, monkeypatch):
    """A studio in which clips are cut by a stand-in; `step` is called before every frame."""
    hooks = SimpleNamespace(step=lambda: None)

    def cut_next(*arguments, **options):
        hooks.step()
        return takes.stand_in(*arguments, **options)

    weights = SAMPLE / "frame.jpg"  # any file: only its hash is asked for
    monkeypatch.setattr(video_job, "cut_next", cut_next)
    monkeypatch.setattr(video_job, "ClipState", takes.StandInState)
    model = SimpleNamespace(path=weights, device="cpu", integers=False)
    monkeypatch.setattr(video_job, "load_model", lambda *_, **__: model)
    monkeypatch.setattr(job_manifest, "_sync", lambda path: None)
    takes.write_scene(tmp_path, count=40)
    files = {
        "clip": ("take.mkv", (tmp_path / "take.mkv").read_bytes()),
        "plate": (tmp_path / "plate.png").read_bytes(),
    }
    with client_of(tmp_path) as client:
        yield client, hooks, files


def until(client, name, *states):
    for _ in range(600):
        facts = client.get(f"/v1/clips/{name}").json()
        if facts["state"] in states:
            return facts
        threading.Event().wait(0.05)
    raise AssertionError(facts)


def test_a_clip_is_cut_cancelled_and_resumed(clips, tmp_path):
    client, hooks, files = clips
    release, count = threading.Event(), [0]

    def step():
        count[0] += 1
        if count[0] == 30:
            reached.set()
            release.wait(30)

    reached, hooks.step = threading.Event(), step
    answer = client.post("/v1/clips", files=files, data={"format": "mkv"})
    assert answer.status_code == 202, answer.text
    name = answer.json()["id"]
    assert reached.wait(30)
    assert client.get(f"/v1/clips/{name}/file").status_code == 409
    running = client.get(f"/v1/clips/{name}").json()
    assert running["state"] == "running"
    assert (running["done"], running["total"]) == (29, 40)
    assert client.delete(f"/v1/clips/{name}").status_code == 409
    client.post(f"/v1/clips/{name}/cancel")
    release.set()
    assert until(client, name, "cancelled")["files"] == {}
    client.post(f"/v1/clips/{name}/resume")
    facts = until(client, name, "done", "failed")
    assert facts["state"] == "done", facts
    assert count[0] < 30 + 40  # the part that was done is not cut again
    assert any("going on after 24 frames" in line for line in facts["said"])
    assert not any(str(tmp_path) in line for line in facts["said"])
    data = client.get(f"/v1/clips/{name}/file")
    assert data.headers["content-disposition"] == 'attachment; filename="take.cutout.mkv"'
    (tmp_path / "result.mkv").write_bytes(data.content)
    frames = takes.frames_of(tmp_path / "result.mkv")
    assert frames.shape == (40, takes.HEIGHT, takes.WIDTH, 4)
    assert client.post(f"/v1/clips/{name}/resume").status_code == 409
    assert client.delete(f"/v1/clips/{name}").status_code == 204
    assert client.get(f"/v1/clips/{name}").status_code == 404


def test_clips_wait_in_a_short_queue(clips):
    client, hooks, files = clips
    release = threading.Event()
    hooks.step = lambda: release.wait(30)
    names = []
    for _ in range(12):
        answer = client.post("/v1/clips", files=files, data={"format": "mkv"})
        if answer.status_code == 429:
            break
        names.append(answer.json()["id"])
    assert answer.headers["retry-after"]
    assert 4 <= len(names) <= 5
    assert client.get(f"/v1/clips/{names[-1]}").json()["before"] >= 3
    for name in reversed(names):
        client.post(f"/v1/clips/{name}/cancel")
    release.set()
    for name in names:
        until(client, name, "cancelled")


def test_bad_clips(clips, tmp_path):
    client, _, files = clips
    playlist = b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n"
    concat = b"ffconcat version 1.0\nfile /etc/passwd\n"
    for data in (playlist, concat, b"hello", files["plate"]):
        refused(client.post("/v1/clips", files={**files, "clip": data}), 415, "clip")
    cut_short = {**files, "clip": files["clip"][1][:300]}
    refused(client.post("/v1/clips", files=cut_short), 422, "clip")
    only = {"clip": files["clip"]}
    refused(client.post("/v1/clips", files=only), 422, "plate is missing")
    for text in ("first:1e9999999", "first:-1", "last", "first:0", "first:9999s", "x" * 99):
        answer = client.post("/v1/clips", files=only, data={"plate_from": text})
        refused(answer, 422, "plate_from")
    refused(client.post("/v1/clips", files=files, data={"format": "mp4"}), 422, "transparency")
    assert not [name for name in kept(client) if name.startswith("clip-")]


def wait_for(client, files, **data):
    """Cut a clip with these fields; gives what is said of it when it is done."""
    answer = client.post("/v1/clips", files=files, data=data)
    assert answer.status_code == 202, answer.text
    facts = until(client, answer.json()["id"], "done", "failed")
    assert facts["state"] == "done", facts
    return facts


def test_every_option_reaches_the_job(clips, tmp_path, monkeypatch):
    client, _, files = clips
    seen = []

    def cut_clip(clip, plate, out, options, say):
        seen.append((plate, options))
        video_job.cut_clip(clip, plate, out, options, say)

    monkeypatch.setattr("cleanplate.studio.clip_queue.cut_clip", cut_clip)
    mask = png_bytes(np.zeros((takes.HEIGHT, takes.WIDTH, 1), np.uint8))
    sent = {**files, "holdout": mask, "garbage": files["clip"], "background": files["clip"]}
    wait_for(
        client,
        sent,
        format="mkv",
        codec="ffv1",
        temporal="lookahead:2",
        quality="best",
        prior="none",
        align="false",
        linear="true",
        deinterlace="true",
        tone_map="true",
        sound="false",
    )
    plate, options = seen[0]
    assert plate.name == "plate.png"
    assert (options.codec, options.temporal, options.lookahead) == ("ffv1", "lookahead", 2)
    assert options.quality == "best"
    assert (options.align, options.person_prior, options.difference_prior) == (False, False, False)
    assert options.linear
    assert options.deinterlace
    assert options.tone_map
    assert not options.sound
    names = [path.name for path in (options.holdout, options.garbage)]
    assert names == ["holdout.png", "garbage.mkv"]
    assert options.over.endswith("background.mkv")
    takes.write_take(tmp_path / "empty.mkv", 12, picture=lambda _: takes.plate_picture())
    of_clip = {**files, "plate": (tmp_path / "empty.mkv").read_bytes()}
    wait_for(client, of_clip, format="mkv", prior="difference", temporal="smooth")
    plate, options = seen[1]
    assert plate.name == "plate.mkv"
    assert (options.temporal, options.difference_prior) == ("smooth", True)


def test_matte_foreground_and_report_are_files_of_their_own(clips, tmp_path):
    client, _, files = clips
    wanted = {"matte": "true", "foreground": "true", "report": "true"}
    facts = wait_for(client, files, format="mkv", over="#204060", **wanted)
    assert facts["files"] == {
        "main": "take.composite.mkv",
        "matte": "take.matte.mkv",
        "foreground": "take.foreground.mkv",
        "report": "take.report.html",
    }
    place = f"/v1/clips/{facts['id']}/file"
    for role in ("main", "matte", "foreground"):
        data = client.get(place, params={"role": role})
        assert facts["files"][role] in data.headers["content-disposition"]
        (tmp_path / f"{role}.mkv").write_bytes(data.content)
        assert len(takes.frames_of(tmp_path / f"{role}.mkv")) == 40
    red, green, blue = takes.frames_of(tmp_path / "matte.mkv")[5, ..., :3].astype(int).T
    assert max(abs(red - green).max(), abs(red - blue).max()) <= 3  # a grey clip
    report = client.get(place, params={"role": "report"})
    assert report.headers["content-type"].startswith("text/html")
    assert "sandbox" in report.headers["content-security-policy"]
    assert "40 frames" in report.text
    assert str(tmp_path) not in report.text
    assert "<title>Cutout of take.mkv</title>" in report.text
    assert "--matte take.matte.mkv" in report.text
    assert client.get(place, params={"role": "other"}).status_code == 422
    plain = wait_for(client, files, format="mkv")
    refused(client.get(f"/v1/clips/{plain['id']}/file?role=report"), 404, "No report")


def test_options_that_do_not_go_together_are_refused(clips):
    client, _, files = clips
    for wish, *words in (
        ({"format": "mov", "codec": "vp9"}, "MOV is written with", "prores"),
        ({"format": "mkv", "codec": "h264"}, "where it is transparent", "ffv1"),
        ({"format": "zip", "matte": "true"}, "holds matte and foreground already"),
        ({"temporal": "lookahead:99"}, "lookahead"),
        ({"temporal": "later"}, "smooth"),
    ):
        sentence = refused(client.post("/v1/clips", files=files, data=wish), 422, *words)
        assert "--" not in sentence  # options of the command line
    assert not [name for name in kept(client) if name.startswith("clip-")]


def test_codecs_are_those_that_are_written_here(clips):
    client, _, files = clips
    found = client.get("/v1/clips/codecs").json()
    assert {each["format"] for each in found} == {"mov", "webm", "mkv", "mp4", "zip"}
    assert {"format": "mkv", "codec": "ffv1", "title": "FFV1", "alpha": True} in found
    assert not [each for each in found if each["format"] == "mp4" and each["alpha"]]
    exr = wait_for(client, files, format="zip", codec="exr")
    assert exr["said"][-1] == "The clip -> take_FG.%06d.exr, take_Matte.%06d.exr (40 frames)"
    data = client.get(f"/v1/clips/{exr['id']}/file").content
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert len(names) == 80
    assert all(name.startswith("take_") for name in names)
    assert all(name.endswith(".exr") for name in names)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("My holiday (take 2).mkv", "My holiday (take 2).mkv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\take.mkv", "take.mkv"),
        ("Straße 映画.mkv", "Straße 映画.mkv"),
        ("a\u202evkm.exe\n\x00b.mkv", "avkm.exe b.mkv"),
        ("<b>&.mkv", "b &.mkv"),
        (f"{'x' * 300}.mkv", f"{'x' * 60}.mkv"),
        ("...", "clip.mkv"),
        ("a/", "clip.mkv"),
    ],
)
def test_names_of_the_client_are_shown_and_nothing_else(sent, shown):
    assert shown_name(UploadFile(io.BytesIO(), filename=sent), "clip.mkv") == shown


def test_the_name_that_was_dropped_is_in_the_report_and_in_the_downloads(clips):
    client, _, files = clips
    sent = {**files, "clip": ("/home/me/<i>Été & 2.mkv", files["clip"][1])}
    facts = wait_for(client, sent, format="mkv", report="true", matte="true")
    assert facts["title"] == "i Été & 2.mkv"
    assert facts["files"]["main"] == "i Été & 2.cutout.mkv"
    report = client.get(f"/v1/clips/{facts['id']}/file?role=report")
    assert "<title>Cutout of i Été &amp; 2.mkv</title>" in report.text
    assert "--matte i Été &amp; 2.matte.mkv" in report.text
    assert report.headers["content-disposition"].startswith("inline")
    data = client.get(f"/v1/clips/{facts['id']}/file")
    assert data.headers["content-disposition"].endswith("i%20%C3%89t%C3%A9%20%26%202.cutout.mkv")
    assert {"clip.mkv", "cutout.mkv"} <= set(kept(client))  # the files here keep our own names
