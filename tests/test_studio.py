import json
import socket
import struct
import sys
import tempfile
import threading
import zipfile
from io import BytesIO
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the studio needs the extra studio")
pytest.importorskip("httpx", reason="its test client needs httpx")

from starlette.websockets import WebSocketDisconnect

import takes
from cleanplate.jobs import clips as video_job
from cleanplate.jobs import manifest as job_manifest
from cleanplate.media.browser import jpeg_bytes, png_bytes
from commands import run
from studios import SAMPLE, TOKEN, client_of, decoded, huge_png, small


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with client_of(tmp_path_factory.mktemp("studio")) as client:
        yield client


@pytest.fixture(scope="module")
def pair():
    return {"frame": small("frame.jpg"), "plate": small("plate.jpg")}


@pytest.fixture(scope="module")
def shot(client, pair):
    """Id of a shot that was cut."""
    answer = client.post("/v1/shots", files=pair)
    assert answer.status_code == 201, answer.text
    assert answer.json()["check"]["verdict"] in ("good", "doubtful")
    name = answer.json()["id"]
    assert client.post(f"/v1/shots/{name}/cut").status_code == 200
    return name


def kept(client):
    folder = client.app.state.studio.settings.folder
    return sorted(path.name for path in folder.rglob("*"))


def refused(answer, status, *words):
    assert answer.status_code == status, answer.text
    sentence = answer.json()["error"]
    for word in words:
        assert word in sentence
    assert "/" not in sentence.replace("and/or", "")  # no path of this machine
    return sentence


# Who may come


def test_only_with_the_token(tmp_path):
    with client_of(tmp_path) as client:
        client.headers.pop("Authorization")
        assert client.get("/healthz").status_code == 200
        assert client.get("/page/style.css").status_code == 200
        for path in ("/", "/metrics", "/docs", "/openapi.json", "/v1/limits", "/?token=wrong"):
            assert client.get(path).status_code == 401, path
        wrong = {"Authorization": "Bearer wrong", "Cookie": "cleanplate_00000000=wrong"}
        assert client.get("/", headers=wrong).status_code == 401
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/v1/camera"):
            pass
        welcome = client.get(f"/?token={TOKEN}", follow_redirects=False)
        assert welcome.status_code == 303
        assert welcome.headers["location"] == "/"
        cookie = welcome.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert "cleanplate" in client.get("/").text  # by the cookie


def test_not_from_other_sites_or_under_other_names(tmp_path):
    with client_of(tmp_path, hosts=("testserver",)) as client:
        evil = {"Origin": "http://evil.example"}
        assert client.post("/v1/shots/sample", headers=evil).status_code == 403
        assert client.get("/", headers={"Host": "evil.example"}).status_code == 403
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect("/v1/camera", headers=evil),
        ):
            pass
        page = client.get("/")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"


def test_the_folder_goes_away(tmp_path, pair):
    with client_of(tmp_path) as client:
        client.post("/v1/shots", files=pair)
        assert (tmp_path / "kept").is_dir()
    assert not (tmp_path / "kept").exists()


# Stills


def test_views_of_a_shot(client, shot):
    for view in ("frame", "plate", "check", "blur", "alpha", "cutout"):
        answer = client.get(f"/v1/shots/{shot}/views/{view}")
        assert decoded(answer.content).shape[:2] == (240, 240)
    alpha = decoded(client.get(f"/v1/shots/{shot}/views/alpha").content)
    assert alpha[200, 150] > 200  # the shirt
    assert alpha[20, 20] < 50  # the wall
    check = decoded(client.get(f"/v1/shots/{shot}/views/check").content).astype(int)
    assert check[200, 150, 2] - check[200, 150, 0] > 30  # orange on the subject
    assert abs(check[20, 20, 2] - check[20, 20, 0]) < 12  # grey on the wall


def test_strokes_are_followed_and_exported(client, pair):
    name = client.post("/v1/shots", files=pair).json()["id"]
    keep, away = (np.zeros((120, 120, 1), np.float32) for _ in range(2))
    keep[5:15, 5:15], away[95:105, 70:80] = 1, 1
    masks = {"holdout": png_bytes(keep), "garbage": png_bytes(away)}
    facts = client.post(f"/v1/shots/{name}/cut", files=masks).json()
    assert facts["revision"] == 1
    alpha = decoded(client.get(f"/v1/shots/{name}/views/alpha").content)
    assert alpha[20, 20] == 255
    assert alpha[200, 150] == 0
    written = client.post(f"/v1/shots/{name}/export", data={"format": "png"})
    assert written.headers["content-disposition"] == 'attachment; filename="cutout.png"'
    assert np.array_equal(decoded(written.content)[..., 3], alpha)
    client.post(f"/v1/shots/{name}/cut")
    assert decoded(client.get(f"/v1/shots/{name}/views/alpha").content)[20, 20] < 50
    assert not [file for file in kept(client) if file.startswith(("holdout", "export"))]
    assert client.delete(f"/v1/shots/{name}").status_code == 204
    assert client.get(f"/v1/shots/{name}").status_code == 404


def test_one_call_writes_what_the_command_line_writes(client, pair, tmp_path):
    for name, data in pair.items():
        (tmp_path / f"{name}.png").write_bytes(data)
    out = tmp_path / "out.png"
    frame, plate = tmp_path / "frame.png", tmp_path / "plate.png"
    assert run("cut", frame, "--plate", plate, "--over", "#336699", "-o", out).exit_code == 0
    answer = client.post("/v1/cutout", files=pair, data={"over": "#336699"})
    assert answer.content == out.read_bytes()
    archive = client.post("/v1/cutout", files=pair, data={"format": "zip", "over": "blur"})
    names = zipfile.ZipFile(BytesIO(archive.content)).namelist()
    assert names == ["frame.alpha.png", "frame.composite.png", "frame.foreground.png"]


def test_another_scene_is_refused_in_words(client, pair):
    noise = np.random.default_rng(3).integers(0, 256, (30, 30, 3), np.uint8)
    other = png_bytes(noise.repeat(8, axis=0).repeat(8, axis=1))
    files = {"frame": pair["frame"], "plate": other}
    answer = client.post("/v1/shots", files=files)
    check = answer.json()["check"]
    assert check["verdict"] == "refused"
    refused(client.post(f"/v1/shots/{answer.json()['id']}/cut"), 422, "does not show the scene")
    refused(client.post("/v1/cutout", files=files), 422, "does not show the scene")


# Bad uploads


def test_bad_uploads(client, pair):
    before = kept(client)
    bad = {
        "text": (b"I am no picture. " * 20, 415, "known kind"),
        "empty": (b"", 422, "empty"),
        "truncated": (pair["frame"][:3000], 422, "damaged"),
        "wide": (huge_png(20_000), 422, "too large"),
        "many pixels": (huge_png(9000), 413, "megapixels"),
        "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', 415, "known kind"),
        "script": (b"%!PS-Adobe-3.0 EPSF\n", 415, "known kind"),
    }
    for name, (data, status, word) in bad.items():
        files = {"frame": ("picture.png", data, "image/png"), "plate": pair["plate"]}
        assert "frame" in refused(client.post("/v1/cutout", files=files), status, word), name
        refused(client.post("/v1/shots", files=files), status, word)
    refused(client.post("/v1/cutout", files={"frame": pair["frame"]}), 422, "plate")
    assert kept(client) == before


def test_names_are_never_paths(client, pair, tmp_path):
    tricks = ("../../../evil.png", "/etc/passwd", "C:\\evil.png", "a\0b.png", ".." * 200, "-rf")
    for trick in tricks:
        files = {"frame": (trick, pair["frame"]), "plate": (trick, b"no picture")}
        assert client.post("/v1/shots", files=files).status_code == 415
    assert not [name for name in kept(client) if "evil" in name or "passwd" in name]
    for over in ("/etc/passwd", "plate.png", "../x", "teal", "#12", "blur\n"):
        answer = client.post("/v1/cutout", files=pair, data={"over": over})
        assert answer.status_code == 422, over
    for path in ("/page/../app.py", "/page/%2e%2e/app.py", "/page/..%2fapp.py"):
        assert client.get(path).status_code in (401, 404), path
    assert client.get("/v1/shots/..%2f..%2fetc").status_code == 404


def test_too_large_an_upload(tmp_path, pair):
    with client_of(tmp_path, picture_bytes=20_000) as client:
        big = {"frame": pair["frame"], "plate": pair["plate"]}
        refused(client.post("/v1/check", files=big), 413, "larger")
        pieces = (b"x" * 10_000 for _ in range(20))  # no length is said before
        answer = client.post(
            "/v1/check", content=pieces, headers={"Content-Type": "multipart/form-data; boundary=x"}
        )
        refused(answer, 413, "larger")


# Queue and time


@pytest.fixture
def blocked(tmp_path, pair):
    """A studio whose worker is held until `release` is set."""
    release, begun = threading.Event(), threading.Event()
    with client_of(tmp_path, waiting=1, token=None) as client:
        worker = client.app.state.studio.worker
        worker._seconds = 0.3  # of waiting alone: a busy machine needs longer to read a request
        worker.submit(lambda: (begun.set(), release.wait(30)))
        assert begun.wait(10)
        yield client, worker
        release.set()


def test_a_full_queue_sends_away(blocked, pair):
    client, worker = blocked
    worker.submit(lambda: None)
    answer = client.post("/v1/check", files=pair)
    refused(answer, 429, "wait already")
    assert int(answer.headers["retry-after"]) >= 1
    assert client.get("/healthz").json()["pending"] == 2
    assert 'route="other",status="429"} 1' in client.get("/metrics").text


def test_who_waits_too_long_is_told(blocked, pair):
    client, worker = blocked
    answer = client.post("/v1/check", files=pair)
    refused(answer, 503, "not done within")
    assert answer.headers["retry-after"]
    assert worker.pending == 1  # what had not begun was dropped


def test_two_clients_at_once(client, pair):
    answers = []

    def cut(colour):
        files = dict(pair)
        answers.append((colour, client.post("/v1/cutout", files=files, data={"over": colour})))

    threads = [threading.Thread(target=cut, args=(colour,)) for colour in ("#ff0000", "#0000ff")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for colour, answer in answers:
        corner = decoded(answer.content)[8, 8]
        assert corner[2 if colour == "#ff0000" else 0] > 180  # nobody gets another's background
    assert len(answers) == 2


# Clips


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


# The camera


def numbered(number, picture):
    return struct.pack(">I", number) + jpeg_bytes(picture, 95)


def half(name):
    pixels = cv2.imread(str(SAMPLE / name))[..., ::-1]
    return cv2.resize(np.ascontiguousarray(pixels), (160, 160), interpolation=cv2.INTER_AREA)


def test_camera(client):
    with client.websocket_connect("/v1/camera") as line:
        line.send_bytes(numbered(1, half("frame.jpg")))
        assert "no plate" in line.receive_json()["problem"]
        line.send_text(json.dumps({"plate": "begin"}))
        for number in range(3):
            line.send_bytes(numbered(number, half("plate.jpg")))
        line.send_bytes(b"\0\0\0\1 no JPEG")
        assert "no JPEG" in line.receive_json()["problem"]
        line.send_text(json.dumps({"plate": "end"}))
        assert line.receive_json()["plate"] == "ready"
        line.send_bytes(numbered(77, half("frame.jpg")))
        while not (answer := line.receive().get("bytes")):
            pass  # words
        assert struct.unpack(">I", answer[:4]) == (77,)
        both = decoded(answer[4:])
        assert both.shape == (320, 160, 3)
        assert both[160 + 140, 100].min() > 180  # the matte below: the shirt
        assert both[160 + 10, 10].max() < 70
        assert client.app.state.studio.cameras == 1
    assert "cleanplate_camera_frames_cut_total 1" in client.get("/metrics").text


def test_a_camera_that_says_other_things(client):
    for said in ("hello", "[]", '{"plate": 5}', "[" * 5000):
        with client.websocket_connect("/v1/camera") as line:
            line.send_text(said)
            with pytest.raises(WebSocketDisconnect) as gone:
                line.receive_bytes()
            assert gone.value.code == 1003
    with client.websocket_connect("/v1/camera") as line:
        line.send_bytes(b"\0\0\0\0")
        with pytest.raises(WebSocketDisconnect) as gone:
            line.receive_bytes()
        assert gone.value.code == 1009


def test_the_newest_frame_wins(client):
    studio = client.app.state.studio
    with client.websocket_connect("/v1/camera") as line:
        line.send_text(json.dumps({"plate": "begin"}))
        line.send_bytes(numbered(0, half("plate.jpg")))
        line.send_text(json.dumps({"plate": "end"}))
        line.receive_json()
        release = threading.Event()
        studio.worker.submit(lambda: release.wait(30))
        frame = half("frame.jpg")
        for number in range(6):
            line.send_bytes(numbered(number, frame))
        while studio.counters._dropped < 4:
            threading.Event().wait(0.02)
        release.set()
        answers = []
        while len(answers) < 2:  # words may come in between
            if data := line.receive().get("bytes"):
                answers.append(struct.unpack(">I", data[:4])[0])
    assert answers[-1] == 5
    assert answers[0] <= 1


# The rest


def test_openapi_describes_the_routes(client):
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/cutout", "/v1/check", "/v1/shots", "/v1/clips", "/healthz", "/metrics"} <= {*paths}
    assert "429" in paths["/v1/cutout"]["post"]["responses"]
    assert "script" in client.get("/docs").text


def test_a_port_that_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run("serve", "--port", taken.getsockname()[1])
    assert result.exit_code == 2
    assert "choose another with --port" in result.stderr
    assert not list(tmp_path.iterdir())


def test_without_its_packages(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "cleanplate.studio.run", raising=False)
    result = run("studio", "--no-browser")
    assert result.exit_code == 2
    assert 'pip install "cleanplate[studio]"' in result.stderr
