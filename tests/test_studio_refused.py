"""The studio refuses: bad uploads, a full queue, who waits too long; and two clients at once."""

import threading

import pytest

pytest.importorskip("fastapi", reason="the studio needs the extra studio")
pytest.importorskip("httpx", reason="its test client needs httpx")


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
