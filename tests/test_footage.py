"""Clips with plates are read, laid and refused in words; where nobody is, is found."""

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

import footage as made
from cleanplate.errors import InputError
from cleanplate.network import load_model
from cleanplate.prior import JOINED
from cleanplate.training.footage import find_agreement, read_footage, split
from cleanplate.training.shots import Shots, cut_around, whole_frames


def test_a_folder_is_read_and_split(tmp_path):
    made.write_clip(tmp_path / "one", count=10)
    made.write_clip(tmp_path / "two", seed=1)
    (tmp_path / "empty").mkdir()
    clips = read_footage(tmp_path)
    assert [clip.name for clip in clips] == ["one", "two"]
    first = clips[0]
    assert first.frames.shape == first.plates.shape == (10, 96, 128, 3)
    assert first.agrees.shape == (10, 96, 128, 1)
    assert np.abs(first.plates[0].astype(int) - made.frames_and_plate()[1]).mean() < 4
    # The priors are those that the cutter makes of the same frame.
    frame, plate = first.frames[3] / np.float32(255), first.plates[3] / np.float32(255)
    model = load_model(threads=1)
    encoded = model.encode_plate(plate, 96, 128)
    cutters, _ = model._guess(frame, encoded, model.segmenter, JOINED)
    assert first.priors.shape == (10, 96, 128, 1)
    assert np.abs(first.priors[3] / 255 - cutters).mean() < 0.005
    assert first.priors[3].max() > 40
    train, held = split(clips)
    assert [len(clip.frames) for clip in train] == [8, 5]
    assert [len(clip.frames) for clip in held] == [2, 1]


def test_long_clips_are_thinned_evenly(tmp_path):
    made.write_clip(tmp_path / "one", count=10)
    (clip,) = read_footage(tmp_path, most=5)
    assert 3 <= len(clip.frames) <= 5


def test_a_clip_without_a_plate_has_one_estimated(tmp_path):
    folder = tmp_path / "one"
    folder.mkdir()
    frames, plate = made.frames_and_plate(count=12, speed=9)
    for index, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"{index:04d}.png"), frame[..., ::-1])
    (clip,) = read_footage(tmp_path)
    assert np.abs(clip.plates[0].astype(int) - plate).mean() < 4


def test_agreement_is_where_nobody_is():
    frames, plate = made.frames_and_plate()
    agrees = find_agreement(frames, np.repeat(plate[None], len(frames), 0))
    inside = made.disc(96, 128, 32 + 4 * 2, 24)
    assert agrees[2][inside].mean() < 0.02
    assert agrees[2][:, -24:].mean() > 0.95
    # A subject that has the plate's colour in one frame is not taken for the scene.
    frames[2] = plate
    assert find_agreement(frames, np.repeat(plate[None], len(frames), 0))[2][inside].mean() < 0.02


def test_what_is_no_footage_is_refused_in_words(tmp_path):
    with pytest.raises(InputError, match="nowhere is not a folder; give a folder of clips"):
        read_footage(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"holds no clips; put videos .*plate.jpg"):
        read_footage(tmp_path)
    made.write_clip(tmp_path / "short", count=2)
    said = []
    with pytest.raises(InputError, match="no clip there can be used; the notes above say why"):
        read_footage(tmp_path, say=said.append)
    assert len(said) == 1
    assert "short is left out: " in said[0]
    assert "2 frames; at least 3 are needed" in said[0]


def test_a_wrong_plate_leaves_the_clip_out(tmp_path):
    made.write_clip(tmp_path / "good")
    made.write_clip(tmp_path / "wrong", seed=1)
    noise = np.random.default_rng(3).integers(0, 256, (96, 128, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "wrong" / "plate.png"), noise)
    said = []
    assert [clip.name for clip in read_footage(tmp_path, say=said.append)] == ["good"]
    assert "wrong is left out: " in said[0]


def test_shots_are_the_same_for_a_number_and_show_the_subject():
    clip = made.clip()
    shots = Shots((clip,), 64, 3, seed=5)
    first, again, other = shots.draw(4, "cpu"), shots.draw(4, "cpu"), shots.draw(5, "cpu")
    assert first.frame.shape == first.plate.shape == (3, 3, 64, 64)
    assert first.agrees.shape == (3, 1, 64, 64)
    assert all((ours == theirs).all() for ours, theirs in zip(first, again, strict=True))
    assert not (first.frame == other.frame).all()
    assert ((first.agrees == 0).flatten(1).float().mean(1) > 0.02).all()
    assert {float(value) for value in first.agrees.unique()} <= {0.0, 1.0}
    assert len(whole_frames([clip], 64, 2, "cpu")) == 2


def test_crops_have_the_prior_of_their_place_and_some_have_none():
    clip = made.clip()  # its prior is 255 where plate and frame do not agree
    drawn = [Shots((clip,), 64, 4, seed=5).draw(number, "cpu") for number in range(8)]
    with_one = [shot.prior[k, 1].amax() > 0 for shot in drawn for k in range(4)]
    assert 0.5 < np.mean(with_one) < 1
    for shot in drawn:
        for prior, agrees in zip(shot.prior, shot.agrees, strict=True):
            its_own = (prior[1] == 1).all() and (prior[0] == 1 - agrees[0]).all()
            assert its_own or (prior == 0).all()
    assert all((shot.prior[:, 1] == 1).all() for shot in whole_frames([clip], 64, 2, "cpu"))


def test_small_frames_are_mirrored():
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    cut = cut_around(picture, (0, 0), 6)
    assert cut.shape == (6, 6, 3)
    assert (cut[:4, :4] == picture).all()
    assert (cut[4, :4] == picture[3]).all()
    assert cut_around(picture[..., :1], (3, 3), 2).shape == (2, 2, 1)
