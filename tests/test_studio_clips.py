"""Clips in the studio: jobs that are cancelled, resumed, refused."""

import threading
from types import SimpleNamespace

import pytest

pytest.importorskip("fastapi", reason="the studio needs the extra studio")
pytest.importorskip("httpx", reason="its test client needs httpx")


import takes
from cleanplate.jobs import clips as video_job
from cleanplate.jobs import manifest as job_manifest
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
    model = SimpleNamespace(path=weights, device="cpu")
    monkeypatch.setattr(video_job, "load_model", lambda *_, **__: model)
    monkeypatch.setattr(job_manifest, "_sync", lambda path: None)
    takes.write_scene(tmp_path, count=40)
    files = {
        "clip": (tmp_path / "take.mkv").read_bytes(),
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
    assert until(client, name, "cancelled")["file"] is None
    client.post(f"/v1/clips/{name}/resume")
    facts = until(client, name, "done", "failed")
    assert facts["state"] == "done", facts
    assert count[0] < 30 + 40  # the part that was done is not cut again
    assert any("going on after 24 frames" in line for line in facts["said"])
    assert not any(str(tmp_path) in line for line in facts["said"])
    data = client.get(f"/v1/clips/{name}/file")
    assert data.headers["content-disposition"] == 'attachment; filename="cutout.mkv"'
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
    cut_short = {**files, "clip": files["clip"][:300]}
    refused(client.post("/v1/clips", files=cut_short), 422, "clip")
    only = {"clip": files["clip"]}
    refused(client.post("/v1/clips", files=only), 422, "plate is missing")
    for text in ("first:1e9999999", "first:-1", "last", "first:0", "first:9999s"):
        answer = client.post("/v1/clips", files=only, data={"plate_from": text})
        refused(answer, 422, "plate_from")
    refused(client.post("/v1/clips", files=files, data={"format": "mp4"}), 422, "transparency")
    assert not [name for name in kept(client) if name.startswith("clip-")]
