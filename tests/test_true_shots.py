"""Shots of which all is known: what is drawn from them, and what cannot be used."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")

import pools
from cleanplate.errors import InputError
from cleanplate.media.stills import read_still
from cleanplate.training.bill import read_bill
from cleanplate.training.stream import Synthesis
from cleanplate.training.synthesis import Recipe, synthesize_clip
from cleanplate.training.true_shots import read_true_shots
from commands import run
from evaluation_cases import make_case, pictures, save, write_stills


@pytest.fixture
def shots(tmp_path):
    return read_true_shots(write_stills(tmp_path / "shots"))


def test_what_is_drawn_obeys_the_compositing_equation(shots):
    for seed in range(20):
        plate, background, lit = shots.draw(np.random.default_rng(seed), 48)
        np.testing.assert_array_equal(plate, background)
        alpha = lit["alpha"]
        assert alpha.shape == lit["shadow"].shape == (48, 48, 1)
        assert 0 < alpha.mean() < 1
        made = alpha * lit["foreground"] + (1 - alpha) * plate * lit["shadow"]
        # What is brighter than white after a change of light is cut off.
        assert np.abs(made - lit["clean_frame"]).mean() < 0.01


def test_shadow_is_what_the_plate_lacks(tmp_path):
    _, plate, alpha, foreground = pictures()
    plate = plate + 0.2
    shadow = np.where(np.arange(64)[:, None] < 32, 0.4, 1.0)
    frame = alpha * foreground + (1 - alpha) * plate * shadow
    parts = {"frame": frame, "plate": plate, "alpha": alpha, "foreground": foreground}
    for name, picture in parts.items():
        save(tmp_path / "one" / f"{name}.png", picture)
    shots = read_true_shots(tmp_path)
    free = []
    for seed in range(10):
        *_, lit = shots.draw(np.random.default_rng(seed), 48)
        free.append(lit["shadow"][lit["alpha"] < 0.01])
    values = np.concatenate(free)
    assert np.isclose(values, 0.4, atol=0.03).mean() > 0.2
    assert (np.isclose(values, 0.4, atol=0.03) | np.isclose(values, 1, atol=0.03)).mean() > 0.9


def test_what_moved_since_the_plate_is_of_the_background(tmp_path, shots):
    for plate in (tmp_path / "shots").glob("*/plate.png"):
        background = read_still(plate).picture.copy()
        background[:, :32] = 1 - background[:, :32]
        save(plate.with_stem("background"), background)
    moved = read_true_shots(tmp_path / "shots")
    drawn = pools.read_pools(pools.write_pools(tmp_path))
    recipe = Recipe(size=64, true_shot=1, wrong_plate=0, blank_plate=0, uncovered=0)
    same, other = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        (sample,) = synthesize_clip(rng, *drawn, recipe, 1, None, moved)
        apart = np.abs(sample["plate"] - sample["background"]).mean(2, keepdims=True)
        same.append(apart[sample["valid"] == 1])
        other.append(apart[sample["valid"] == 0])
    assert all(np.concatenate(part).size > 8 * 64 * 64 / 5 for part in (same, other))
    assert np.concatenate(other).mean() > 3 * np.concatenate(same).mean()


def test_colours_reach_to_the_edge(shots):
    """A foreground that is black where alpha is nought must not darken the edge."""
    for seed in range(10):
        *_, lit = shots.draw(np.random.default_rng(seed), 48)
        alpha, colours = lit["alpha"][..., 0], lit["foreground"]
        edge, inside = (alpha > 0.05) & (alpha < 0.5), colours[alpha > 0.99]
        assert np.abs(colours[edge].mean(0) - inside.mean(0)).max() < 0.08


def test_held_out_are_the_same_on_every_machine(shots):
    kept, held = shots.split(0.5)
    assert sorted(kept.items + held.items, key=str) == sorted(shots.items, key=str)
    assert 0 < len(held.items) < len(shots.items)
    assert shots.split(0.5) == (kept, held)
    assert shots.split(1)[0] == shots


def test_frames_of_one_clip_stay_together(tmp_path):
    for name in ("a", "b", "c", "d", "e", "f"):
        frame, plate, alpha, foreground = pictures()
        save(tmp_path / name / "plate.png", plate)
        for number in range(4):
            parts = {"frame": frame, "alpha": alpha, "foreground": foreground}
            for part, picture in parts.items():
                save(tmp_path / name / f"{part}{number:03}.png", picture)
    shots = read_true_shots(tmp_path)
    assert len(shots.items) == 24
    kept, held = ({plate.name for _, plate, *_ in part.items} for part in shots.split(0.5))
    assert not kept & held
    assert len(kept | held) == 6


def test_sizes_that_differ_are_named(tmp_path):
    make_case(tmp_path / "one")
    save(tmp_path / "one" / "plate.png", np.zeros((40, 64, 3)))
    with pytest.raises(InputError, match=r"one/frame: .* different sizes"):
        read_true_shots(tmp_path).draw(np.random.default_rng(0), 32)


def test_samples_show_them_with_a_plate_that_parted(shots, tmp_path):
    drawn = pools.read_pools(pools.write_pools(tmp_path))
    recipe = Recipe(size=64, true_shot=1, wrong_plate=0, blank_plate=0)
    differences = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        (sample,) = synthesize_clip(rng, *drawn, recipe, 1, None, shots)
        again = synthesize_clip(np.random.default_rng(seed), *drawn, recipe, 1, None, shots)[0]
        assert all(np.array_equal(sample[name], again[name]) for name in sample)
        inside = sample["foreground"][sample["alpha"][..., 0] > 0.99]
        assert inside.std(0).max() < 0.01  # the disc's one colour, of no pool
        differences.append(np.abs(sample["plate"] - sample["background"]).mean())
    assert min(differences) > 0
    clip = synthesize_clip(np.random.default_rng(0), *drawn, recipe, 2, None, shots)
    assert len(clip) == 2


def test_without_shots_samples_are_what_they_were(tmp_path):
    drawn = pools.read_pools(pools.write_pools(tmp_path))
    alone = Synthesis(*drawn, Recipe(size=64), seed=3)[5, 1]
    other = Synthesis(*drawn, Recipe(size=64, true_shot=1), seed=3)[5, 1]
    assert all(np.array_equal(alone[name], other[name]) for name in alone)


def test_a_shot_without_foreground_is_named(tmp_path):
    make_case(tmp_path / "good")
    make_case(tmp_path / "bad")
    (tmp_path / "bad" / "foreground.png").unlink()
    with pytest.raises(InputError, match="bad: a shot to learn from needs"):
        read_true_shots(tmp_path)
    (tmp_path / "bad" / "alpha.png").unlink()
    with pytest.raises(InputError, match="bad"):
        read_true_shots(tmp_path)


def test_bill_names_them(tmp_path):
    write_stills(tmp_path / "shots")
    (entry,) = read_bill({"shots": tmp_path / "shots"})
    assert (entry.count, entry.source) == (5, "not stated")
    said = {"source": "rendered", "licence": "ours", "commercial": True}
    (tmp_path / "shots" / "SOURCE.json").write_text(json.dumps(said))
    (entry,) = read_bill({"shots": tmp_path / "shots"})
    assert (entry.count, entry.source, entry.folder) == (5, "rendered", "shots")


def test_teacher_learns_from_them(tmp_path):
    both = pools.write_pools(tmp_path)
    write_stills(tmp_path / "shots")
    command = ["train", "teacher", *both, "-o", tmp_path / "run", "--minutes", "0.02"]
    command += ["--size", "64", "--batch", "2", "--workers", "0", "--person", "none"]
    result = run(*command, "--shots", tmp_path / "shots")
    assert result.exit_code == 0, result.output
    options = json.loads((tmp_path / "run" / "options.json").read_text())
    assert options["shots"] == str(tmp_path / "shots")
    bill = json.loads((tmp_path / "run" / "bill.json").read_text())
    assert [entry["count"] for entry in bill if entry["pool"] == "shots"] == [5]
    other = [*command[:5], tmp_path / "other", *command[6:], "--shots", tmp_path / "missing"]
    result = run(*other)
    assert result.exit_code == 2
    assert "missing is not a folder" in result.stderr
