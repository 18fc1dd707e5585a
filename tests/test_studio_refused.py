"""The studio refuses: bad uploads, a full queue, who waits too long; and two clients at once."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the studio needs the extra studio")
pytest.importorskip("httpx", reason="its test client needs httpx")

from cleanplate.media.browser import png_bytes
from cleanplate.studio import shots
from cleanplate.studio.counters import Counters
from cleanplate.studio.guard import Guard
from cleanplate.studio.refusals import RefusedError
from cleanplate.studio.settings import Settings
from studios import client_of, decoded, huge_png, kept, refused


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


def test_masks_are_limited_like_all_uploads(tmp_path, pair):
    with client_of(tmp_path, pixels=100_000, picture_bytes=300_000) as client:
        place = f"/v1/shots/{client.post('/v1/shots', files=pair).json()['id']}"
        noise = np.random.default_rng(5).random((300, 300, 3), np.float32)
        before = kept(client)
        for mask, status, word in (
            (huge_png(9000), 413, "megapixels"),
            (png_bytes(noise) + bytes(100_000), 413, "larger"),
            (b"I am no mask.", 415, "known kind"),
            (png_bytes(noise[:100]), 422, "holdout"),
        ):
            refused(client.post(f"{place}/cut", files={"holdout": mask}), status, word)
        assert kept(client) == before


def test_formats_without_transparency_are_refused_in_the_words_of_the_api(client, pair):
    answer = client.post("/v1/cutout", files=pair, data={"format": "jpg"})
    assert "--" not in refused(answer, 422, "new background with over")


def test_a_shot_that_is_removed_while_it_is_cut(tmp_path, pair, monkeypatch):
    begun, release = threading.Event(), threading.Event()
    real = shots.cutout

    def slowly(*arguments, **options):
        begun.set()
        release.wait(30)
        return real(*arguments, **options)

    monkeypatch.setattr(shots, "cutout", slowly)
    mask = {"holdout": png_bytes(np.zeros((240, 240, 1), np.float32))}
    for remove in ("delete", "make room"):
        begun.clear()
        release.clear()
        with client_of(tmp_path / remove, shots=1) as client, ThreadPoolExecutor() as pool:
            studio = client.app.state.studio
            name = client.post("/v1/shots", files=pair).json()["id"]
            place = f"/v1/shots/{name}"
            cut = pool.submit(client.post, f"{place}/cut", files=mask)
            assert begun.wait(30)
            export = pool.submit(client.post, f"{place}/export")
            while studio.worker.pending < 2:
                threading.Event().wait(0.02)
            if remove == "delete":
                assert client.delete(place).status_code == 204
            else:
                studio.shots.add(studio.shots.new())
            release.set()
            refused(cut.result(), 404, "not kept any more")
            refused(export.result(), 404, "not kept any more")
            assert not [file for file in kept(client) if file.startswith(("mask", "view", "cut"))]


def test_a_cut_nobody_waits_for_leaves_the_last_one(tmp_path, pair, monkeypatch):
    real, ended = shots.cutout, threading.Event()

    def late(*arguments, **options):
        threading.Event().wait(client.app.state.studio.worker._seconds + 0.5)
        return real(*arguments, **options)

    with client_of(tmp_path) as client:
        place = f"/v1/shots/{client.post('/v1/shots', files=pair).json()['id']}"
        assert client.post(f"{place}/cut").status_code == 200
        worker = client.app.state.studio.worker
        worker._seconds = 0.5
        monkeypatch.setattr(shots, "cutout", late)
        mask = {"holdout": png_bytes(np.ones((240, 240, 1), np.float32))}
        refused(client.post(f"{place}/cut", files=mask), 503, "not done within")
        worker._seconds = 60
        worker.submit(ended.set)
        assert ended.wait(30)
        assert client.post(f"{place}/export").status_code == 200


def test_an_upload_that_stalls_is_told_in_time(tmp_path):
    answered, sent = [], iter([{"type": "http.request", "body": b"x", "more_body": True}])

    async def receive():
        return next(sent, None) or await asyncio.sleep(60)

    async def send(message):
        answered.append((message, time.monotonic() - started))

    async def reads(scope, receive, send):
        with suppress(RefusedError):
            while True:
                await receive()

    settings = Settings(tmp_path, seconds=0.2)
    guard = Guard(reads, settings, Counters(), lambda route: None)
    scope = {"type": "http", "method": "POST", "path": "/v1/check", "query_string": b""}
    started = time.monotonic()
    with pytest.raises(TimeoutError):  # it goes on to listen, so that the client can end
        asyncio.run(asyncio.wait_for(guard(scope | {"headers": []}, receive, send), 5))
    (start, _), (body, seconds) = answered
    assert start["status"] == 408
    assert b"0.2 s" in body["body"]
    assert seconds < 4


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
    assert 'route="/v1/check",status="429"} 1' in client.get("/metrics").text
    studio = client.app.state.studio
    shot = studio.shots.new()
    studio.shots.add(shot)
    place = f"/v1/shots/{shot.name}"
    refused(client.post(f"{place}/cut"), 429, "wait already")
    assert 'route="/v1/shots/{name}/cut",status="429"} 1' in client.get("/metrics").text
    assert client.delete(place).status_code == 204  # waits for nobody
    refused(client.post("/v1/shotsmith"), 404, "Not Found")


def test_who_waits_too_long_is_told(blocked, pair):
    client, worker = blocked
    answer = client.post("/v1/check", files=pair)
    refused(answer, 503, "not done within")
    assert answer.headers["retry-after"]
    assert worker.pending == 1  # what had not begun was dropped


def test_an_export_behind_a_cut_has_its_masks(client, pair):
    worker = client.app.state.studio.worker
    place = f"/v1/shots/{client.post('/v1/shots', files=pair).json()['id']}"

    def corner(value):
        mask = np.zeros((240, 240, 1), np.float32)
        mask[:20, :20] = value
        return {"holdout": png_bytes(mask)}

    assert client.post(f"{place}/cut", files=corner(0)).status_code == 200
    release = threading.Event()
    worker.submit(lambda: release.wait(30))
    with ThreadPoolExecutor() as pool:
        asked = []
        for path, files in (("cut", corner(1)), ("export", None)):
            asked.append(pool.submit(client.post, f"{place}/{path}", files=files))
            while worker.pending < 1 + len(asked):
                threading.Event().wait(0.02)
        release.set()
        cut, export = (each.result() for each in asked)
    assert cut.status_code == 200
    assert export.status_code == 200, export.text
    assert decoded(export.content)[5, 5, 3] == 255


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
