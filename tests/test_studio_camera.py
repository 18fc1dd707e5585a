"""The camera of the studio, over a WebSocket."""

import json
import struct
import threading
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the studio needs the extra studio")
pytest.importorskip("httpx", reason="its test client needs httpx")

from starlette.websockets import WebSocketDisconnect

from cleanplate.media.browser import jpeg_bytes
from cleanplate.studio import routes_camera
from studios import SAMPLE, decoded


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
        for number in range(3):
            line.send_bytes(numbered(number, half("plate.jpg")))
        line.send_text(json.dumps({"plate": "end"}))
        assert line.receive_json()["plate"] == "ready"
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


def test_a_plate_with_somebody_in_it_is_refused_twice(client):
    def shoot(line, pictures):
        line.send_text(json.dumps({"plate": "begin"}))
        for number, picture in enumerate(pictures):
            line.send_bytes(numbered(number, picture))
        line.send_text(json.dumps({"plate": "end"}))
        return line.receive_json()

    somebody, nobody = half("frame.jpg"), half("plate.jpg")
    with client.websocket_connect("/v1/camera") as line:
        assert "Somebody seems to be" in shoot(line, [somebody] * 10)["problem"]
        assert "moves" in shoot(line, [nobody, somebody] * 5)["problem"]
        used = shoot(line, [somebody] * 10)
        assert used["plate"] == "ready"  # it may be a picture on the wall
        assert "Somebody seems to be" in used["warnings"][0]
        clean = shoot(line, [nobody] * 10)
        assert (clean["plate"], clean["warnings"]) == ("ready", [])
        black = np.zeros_like(nobody)
        for _ in range(3):
            assert "black" in shoot(line, [black] * 10)["problem"]
        assert "0 frames" in shoot(line, [])["problem"]


def test_what_is_still_cut_leaves_nothing_for_the_next_plate(client, monkeypatch):
    model = client.app.state.studio.camera_model
    frame, plate = (jpeg_bytes(half(f"{name}.jpg"), 95) for name in ("frame", "plate"))
    session, before = routes_camera.Session(10**6), []

    def shoot():
        session.begin_plate()
        for _ in range(3):
            session.add_plate(plate)

    def cut_next(frame, plate, state, *, model):
        before.append(state)
        if len(before) == 2:
            shoot()  # while the second frame is being cut
        made = SimpleNamespace(foreground=frame, alpha=frame[..., :1])
        return made, SimpleNamespace(shown=lambda: frame), SimpleNamespace(words="")

    monkeypatch.setattr(routes_camera, "cut_next", cut_next)
    shoot()
    session.end_plate(model)
    session.cut(frame, model)
    session.cut(frame, model)
    session.end_plate(model)
    session.cut(frame, model)
    assert before[1] is not None
    assert before[2] is None


def test_a_frame_that_waited_until_the_next_plate_is_not_cut(client):
    studio = client.app.state.studio
    begin, end = (json.dumps({"plate": word}) for word in ("begin", "end"))
    with client.websocket_connect("/v1/camera") as line:
        release = threading.Event()
        studio.worker.submit(lambda: release.wait(30))
        line.send_bytes(numbered(1, half("frame.jpg")))
        while studio.worker.pending < 2:
            threading.Event().wait(0.02)
        line.send_text(begin)
        line.send_bytes(numbered(2, half("plate.jpg")))
        while studio.worker.pending < 3:
            threading.Event().wait(0.02)
        release.set()
        for number in (3, 4):
            line.send_bytes(numbered(number, half("plate.jpg")))
        line.send_text(end)
        assert line.receive_json()["plate"] == "ready"  # and nothing of frame 1 before
