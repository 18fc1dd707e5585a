"""The person segmenter: its samples, its training, and what it does when a frame is cut."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cleanplate import cutout  # noqa: E402
from cleanplate.errors import InputError  # noqa: E402
from cleanplate.network import load_model, weights_path  # noqa: E402
from cleanplate.people import Segmenter, firmly, new_people  # noqa: E402
from cleanplate.training import checkpoint, people, priors  # noqa: E402
from cleanplate.training.data import read_pool  # noqa: E402
from cleanplate.training.export import export_run  # noqa: E402
from cleanplate.training.networks.segmenter import PersonSegmenter  # noqa: E402
from cleanplate.training.people import (  # noqa: E402
    People,
    PeopleRecipe,
    labelled_sample,
    people_sample,
)
from cleanplate.training.segmenter import (  # noqa: E402
    SegmenterOptions,
    segmenter_losses,
    train_segmenter,
)
from cleanplate.training.synthesis import Recipe, synthesize_clip  # noqa: E402

TINY = SegmenterOptions(size=64, batch=2, planned_samples=4, held_out=3, workers=0)
CALM = PeopleRecipe(size=64, nobody=0, second=0, thing_behind=0, thing_before=0, coincidence=0)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def drawn(folders: tuple[Path, Path]) -> tuple:
    return read_pool(folders[0], True), read_pool(folders[1], False)


def test_coverage_is_where_the_people_are(drawn: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same draws without anybody give the scene: people are where both differ."""
    monkeypatch.setattr(people, "cast_shadows", lambda *_: np.float32(1))  # which differ, too
    seen = 0
    for seed in range(12):
        frame, coverage = people_sample(np.random.default_rng(seed), *drawn, CALM)
        assert frame.shape == (64, 64, 3)
        assert coverage.shape == (64, 64, 1)
        assert 0 <= frame.min() <= frame.max() <= 1
        rng, nobody = np.random.default_rng(seed), replace(CALM, nobody=1)
        scene, nowhere = people_sample(rng, *drawn, nobody)
        assert nowhere.max() == 0
        differs = np.abs(frame - scene).max(2)
        assert differs[coverage[..., 0] == 0].max(initial=0) < 1e-3
        inside = coverage[..., 0] > 0.9
        if inside.any():
            seen += 1
            assert np.median(differs[inside]) > 0.05
    assert seen > 6


def test_nobody_and_things_are_not_people(drawn: tuple) -> None:
    for share in ({"nobody": 1.0}, {"nobody": 1.0, "thing_behind": 1.0, "thing_before": 1.0}):
        recipe = replace(CALM, **share)
        _, coverage = people_sample(np.random.default_rng(3), *drawn, recipe)
        assert coverage.max() == 0


def test_what_stands_before_a_person_takes_its_coverage(drawn: tuple) -> None:
    covered = []
    for thing in (0.0, 1.0):
        recipe = replace(CALM, thing_before=thing)
        every = [people_sample(np.random.default_rng(s), *drawn, recipe)[1] for s in range(10)]
        covered.append(np.sum([one.sum() for one in every]))
    assert covered[1] < covered[0]


def test_labelled_pictures_keep_frame_and_mask_together(tmp_path: Path) -> None:
    """A white box in a black picture stays under its mask, however it is cropped and flipped."""
    import cv2

    picture = np.zeros((90, 120, 3), np.uint8)
    picture[20:70, 40:80] = 255
    cv2.imwrite(str(tmp_path / "one.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 100])
    cv2.imwrite(str(tmp_path / "one.png"), picture[..., 0])
    pool = read_pool(tmp_path, True)
    for seed in range(8):
        frame, mask = labelled_sample(np.random.default_rng(seed), pool, 64)
        bright = frame.mean(2)
        assert bright[mask[..., 0] > 0.98].min() > 0.4
        assert bright[mask[..., 0] < 0.02].max() < 0.2


def test_a_sample_is_always_the_same_and_of_the_right_size(drawn: tuple) -> None:
    data = People(*drawn, drawn[0], PeopleRecipe(size=64), 0)
    frame, coverage = data[7]
    again, _ = data[7]
    assert torch.equal(frame, again)
    assert frame.shape == (3, 64, 64)
    assert coverage.shape == (1, 16, 16)


def test_network_answers_at_a_quarter_of_the_size_and_can_learn() -> None:
    torch.manual_seed(0)
    network = PersonSegmenter()
    assert sum(weight.numel() for weight in network.parameters()) == 1_465_977
    frames = torch.zeros(2, 3, 64, 96)
    frames[0, :, :, :48], frames[1, :, 32:] = 1, 1
    coverage = frames[:, :1, ::4, ::4].clone()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    first = last = 0.0
    for step in range(25):
        logits = network(frames)
        assert logits.shape == (2, 1, 16, 24)
        loss = sum(segmenter_losses(logits, coverage).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        last = loss.item()
        first = first if step else last
    assert last < 0.3 * first


def test_losses_are_nothing_where_the_answer_is_right() -> None:
    coverage = torch.zeros(1, 1, 8, 8)
    coverage[..., :4] = 1
    right = segmenter_losses((coverage - 0.5) * 40, coverage)
    wrong = segmenter_losses((0.5 - coverage) * 40, coverage)
    assert float(right["cross_entropy"]) < 1e-6
    assert float(right["overlap"]) < 1e-6
    assert float(wrong["overlap"]) > 0.2


def test_a_run_goes_on_and_is_exported(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    run = tmp_path / "run"
    train_segmenter(*folders, run, replace(TINY, planned_samples=2))
    path = train_segmenter(*folders, run, TINY, folders[0])
    assert checkpoint.load(path)["samples"] == 4
    lines = [json.loads(line) for line in (run / "segmenter.jsonl").read_text().splitlines()]
    assert [line["samples"] for line in lines] == [2, 4]
    ((written, difference),) = export_run(run, tmp_path / "mine.onnx")
    assert difference < 0.1
    frame = np.random.default_rng(0).random((50, 70, 3), dtype=np.float32)
    share = Segmenter(written)(frame)
    assert share.shape == (50, 70, 1)
    assert 0 <= share.min() <= share.max() <= 1


def test_a_checkpoint_without_optimizer_warms_up_again(
    tmp_path: Path, folders: tuple[Path, Path]
) -> None:
    run = tmp_path / "run"
    path = train_segmenter(*folders, run, replace(TINY, planned_samples=2))
    checkpoint.slim(path, path)
    train_segmenter(*folders, run, TINY)
    content = checkpoint.load(path)
    assert (content["samples"], content["cold"]) == (4, 2)
    train_segmenter(*folders, run, replace(TINY, planned_samples=6))
    assert checkpoint.load(path)["cold"] == 2


def test_size_is_refused_in_words(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match="multiple of 32"):
        train_segmenter(*folders, tmp_path, replace(TINY, size=80))


def test_teacher_learns_from_the_priors_it_will_meet(drawn: tuple) -> None:
    """With a segmenter most samples have its prior, made less sure; it sees plate and frame."""
    seen, met = [], 0

    def segment(frame: np.ndarray) -> np.ndarray:
        seen.append(frame)
        return np.full((*frame.shape[:2], 1), 0.9, np.float32)

    recipe = Recipe(size=64, blank_plate=0)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        (sample,) = synthesize_clip(rng, *drawn, recipe, 1, segment)
        if len(seen) and seen[-1] is sample["frame"]:
            assert seen[-2] is sample["plate"]
            assert sample["prior"][0, 0, 1] == 1
            met += 1
    assert met >= 3
    assert 4 <= len(seen) <= 16


def test_what_differs_from_the_plate_is_in_the_prior(drawn: tuple) -> None:
    """A segmenter that sees nobody: what the plate says is left, and of a blank one nothing."""

    def nobody(frame: np.ndarray) -> np.ndarray:
        return np.zeros((*frame.shape[:2], 1), np.float32)

    def highest(**shares: float) -> list[float]:
        kept = {"wrong_plate": 0, "changed_scene": 0, **shares}
        recipe = Recipe(size=64, person_prior=1, **kept)
        made = [
            synthesize_clip(np.random.default_rng(seed), *drawn, recipe, 1, nobody)
            for seed in range(8)
        ]
        return [float(sample["prior"][..., 0].max()) for (sample,) in made]

    assert np.median(highest(joined=1, blank_plate=0)) == pytest.approx(0.2, abs=0.02)
    assert max(highest(joined=0, blank_plate=0)) < 0.02
    assert max(highest(joined=1, blank_plate=1)) < 0.02


def test_a_run_uses_samples_again_and_ends_with_its_minutes(
    tmp_path: Path, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    used, make = [], People.__getitem__
    monkeypatch.setattr(
        People, "__getitem__", lambda self, index: used.append(index) or make(self, index)
    )
    run = tmp_path / "run"
    options = replace(TINY, replay=3, replay_capacity=4, planned_samples=12, held_out=1)
    assert checkpoint.load(train_segmenter(*folders, run, options))["samples"] == 12
    assert sorted(used) == [0, 0, 1, 2, 3]  # a third of them, and one held out
    path = train_segmenter(*folders, run, replace(options, planned_samples=0, minutes=0))
    assert checkpoint.load(path)["samples"] == 14  # one step, though no number was planned


def test_prior_from_people_is_unsure_but_points_the_same_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Four in ten lack a part or are shifted, and may be wrong anywhere; the others never are."""
    share = np.full((64, 64, 1), 0.02, np.float32)
    share[16:48, 16:48] = 0.98
    right = 0
    spoilt = []

    def counted(spoil):
        return lambda rng, prior: spoilt.append(spoil) or spoil(rng, prior)

    for name in ("_lack", "_shift"):
        monkeypatch.setattr(priors, name, counted(getattr(priors, name)))
    for seed in range(40):
        prior = priors.from_people(np.random.default_rng(seed), share, np.zeros_like(share))
        assert prior.shape == (64, 64, 2)
        assert (prior[..., 1] == 1).all()
        assert 0 <= prior[..., 0].min() <= prior[..., 0].max() <= 1
        right += prior[16:48, 16:48, 0].min() > prior[:8, :8, 0].max()
    assert 40 - len(spoilt) <= right < 40
    assert 10 <= len(spoilt) <= 24


def test_people_on_the_plate_are_no_prior() -> None:
    """A poster of somebody behind the subject: where it hung before, nobody is new."""
    share = np.full((64, 64, 1), 0.02, np.float32)
    share[16:48, 16:48] = 0.98
    before = np.full_like(share, 0.02)
    before[16:48, 32:48] = 0.98
    gone = [
        priors.from_people(np.random.default_rng(seed), share, before)[30, 40, 0]
        for seed in range(20)
    ]
    assert np.median(gone) < 0.1  # some are spoilt
    assert new_people(share, before)[30, 40, 0] == 0
    assert new_people(share, before)[30, 20, 0] > 0.95
    assert new_people(share, np.zeros_like(share)) == pytest.approx(share)
    assert 0 <= new_people(before, share).min() <= new_people(before, share).max() <= 1


def test_shipped_segmenter_finds_the_person_of_the_sample(
    frame: np.ndarray, alpha_true: np.ndarray
) -> None:
    share = Segmenter(weights_path("person"))(frame.astype(np.float32) / 255)
    both = np.minimum(share, alpha_true).sum() / np.maximum(share, alpha_true).sum()
    assert both > 0.6


def test_who_is_on_the_plate_already_is_no_subject(frame: np.ndarray) -> None:
    """The sample's frame as its own plate: the segmenter sees the person in both."""
    model = load_model(threads=1)
    encoded = model.encode_plate(frame.astype(np.float32) / 255, *frame.shape[:2])
    assert encoded.people is not None
    assert encoded.people.mean() > 0.1
    assert cutout(frame, frame, model=model).alpha.mean() < 0.002


def test_half_a_guess_becomes_a_yes_or_a_no() -> None:
    share = np.array([0, 0.1, 0.3, 0.5, 1], np.float32).reshape(1, 5, 1)
    assert firmly(share).ravel() == pytest.approx([0, 0, 0.5, 1, 1], abs=1e-6)
