"""The studio over HTTP: who may come, and pictures."""

import socket
import sys
import tempfile
import zipfile
from io import BytesIO

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the studio needs the extra studio")
pytest.importorskip("httpx", reason="its test client needs httpx")

from starlette.websockets import WebSocketDisconnect

from cleanplate.media.browser import png_bytes
from commands import run
from studios import TOKEN, client_of, decoded, kept, refused


@pytest.fixture(scope="module")
def shot(client, pair):
    """Id of a shot that was cut."""
    answer = client.post("/v1/shots", files=pair)
    assert answer.status_code == 201, answer.text
    assert answer.json()["check"]["verdict"] in ("good", "doubtful")
    name = answer.json()["id"]
    assert client.post(f"/v1/shots/{name}/cut").status_code == 200
    return name


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


def test_a_token_may_hold_a_plus(tmp_path):
    with client_of(tmp_path, token="ab+cd/ef==") as client:
        client.headers.pop("Authorization")
        for written in ("ab+cd/ef==", "ab%2Bcd%2Fef%3D%3D"):
            answer = client.get(f"/?token={written}", follow_redirects=False)
            assert answer.status_code == 303, written


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


def test_an_address_that_is_none(tmp_path):
    with client_of(tmp_path, token=None) as client:
        for bad in ({"Host": "["}, {"Host": "[::1"}, {"Origin": "http://["}):
            refused(client.post("/v1/shots/sample", headers=bad), 400, "Host or Origin")
            with (
                pytest.raises(WebSocketDisconnect),
                client.websocket_connect("/v1/camera", headers=bad),
            ):
                pass


def test_the_folder_goes_away(tmp_path, pair):
    with client_of(tmp_path) as client:
        client.post("/v1/shots", files=pair)
        assert (tmp_path / "kept").is_dir()
    assert not (tmp_path / "kept").exists()


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
    sent = {**pair, "frame": ("C:\\shots\\me.jpeg", pair["frame"])}
    name = client.post("/v1/shots", files=sent).json()["id"]
    keep, away = (np.zeros((120, 120, 1), np.float32) for _ in range(2))
    keep[5:15, 5:15], away[95:105, 70:80] = 1, 1
    masks = {"holdout": png_bytes(keep), "garbage": png_bytes(away)}
    facts = client.post(f"/v1/shots/{name}/cut", files=masks).json()
    assert facts["revision"] == 1
    alpha = decoded(client.get(f"/v1/shots/{name}/views/alpha").content)
    assert alpha[20, 20] == 255
    assert alpha[200, 150] == 0
    written = client.post(f"/v1/shots/{name}/export", data={"format": "png"})
    assert written.headers["content-disposition"] == 'attachment; filename="me.cutout.png"'
    assert np.array_equal(decoded(written.content)[..., 3], alpha)
    client.post(f"/v1/shots/{name}/cut")
    assert decoded(client.get(f"/v1/shots/{name}/views/alpha").content)[20, 20] < 50
    assert not [file for file in kept(client) if file.startswith(("masks", "holdout", "export"))]
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
    sent = {**pair, "frame": ("../my room.png", pair["frame"])}
    archive = client.post("/v1/cutout", files=sent, data={"format": "zip", "over": "blur"})
    assert "my%20room.composite.zip" in archive.headers["content-disposition"]
    names = zipfile.ZipFile(BytesIO(archive.content)).namelist()
    assert names == [f"my room.{role}.png" for role in ("alpha", "composite", "foreground")]


def test_another_scene_is_refused_in_words(client, pair):
    noise = np.random.default_rng(3).integers(0, 256, (30, 30, 3), np.uint8)
    other = png_bytes(noise.repeat(8, axis=0).repeat(8, axis=1))
    files = {"frame": pair["frame"], "plate": other}
    answer = client.post("/v1/shots", files=files)
    check = answer.json()["check"]
    assert check["verdict"] == "refused"
    refused(client.post(f"/v1/shots/{answer.json()['id']}/cut"), 422, "does not show the scene")
    refused(client.post("/v1/cutout", files=files), 422, "does not show the scene")


def test_openapi_describes_the_routes(client):
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/cutout", "/v1/check", "/v1/shots", "/v1/clips", "/healthz", "/metrics"} <= {*paths}
    assert "429" in paths["/v1/cutout"]["post"]["responses"]
    assert "script" in client.get("/docs").text


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (("serve", "--token", ""), "token is empty"),
        (("serve", "--token", "schlüssel"), "holds other characters"),
        (("serve", "--token", "a b"), "holds other characters"),
        (("serve", "--model", "nope.onnx"), "nope.onnx"),
        (("studio", "--model", "nope.onnx", "--no-browser"), "nope.onnx"),
    ],
)
def test_what_would_fail_for_every_client_is_refused_at_the_start(
    tmp_path, monkeypatch, wish, words
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("uvicorn.Server.run", lambda *_: None)
    result = run(*wish, "--port", "0")
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


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
