"""The student: each loss on cases whose answer is known, steps, early stop, resume."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

import footage as made  # noqa: E402
from cleanplate.composite import over  # noqa: E402
from cleanplate.errors import InputError, OutputError, WeightsError  # noqa: E402
from cleanplate.training import adversary, checkpoint, footage_losses, student  # noqa: E402
from cleanplate.training.data import read_pool  # noqa: E402
from cleanplate.training.networks.compact import CompactNetwork, Prediction  # noqa: E402
from cleanplate.training.student import train_student  # noqa: E402
from cleanplate.training.student_judging import better, rises  # noqa: E402
from cleanplate.training.student_state import StudentOptions  # noqa: E402
from cleanplate.training.student_step import (  # noqa: E402
    Given,
    Strengths,
    step_discriminator,
    step_student,
    teacher_losses,
)

pytestmark = pytest.mark.usefixtures("one_thread", "same_torch_numbers")

TINY = StudentOptions(
    size=64, patch=32, batch=2, judge_every=2, held_out=2, device="cpu", steps_limit=3
)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return made.write_teacher(tmp_path_factory.mktemp("teacher") / "checkpoint.pt")


def says(alpha, foreground, shadow=1.0, valid=1.0):
    """A prediction that says just this; alpha in 0..1."""
    logit = torch.logit(alpha.clamp(1e-6, 1 - 1e-6))
    full = torch.ones_like(alpha)
    return Prediction(logit, foreground, -8 * full, shadow * full, (40 * valid - 20) * full)


def scene():
    """Frame, plate, alpha, foreground of a soft square over a patterned plate, shaded by 0.6."""
    alpha = torch.zeros(1, 1, 32, 32)
    alpha[..., 8:24, 8:24] = 0.8
    plate, foreground = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    return over(foreground, alpha, plate * 0.6), plate, alpha, foreground


def test_alpha_where_nothing_is_costs_its_mean_there():
    alpha = torch.full((1, 1, 8, 8), 0.25)
    agrees = torch.zeros_like(alpha)
    assert footage_losses.empty_loss(alpha, agrees) == 0
    agrees[..., :4, :] = 1
    alpha[..., 4:, :] = 1.0  # elsewhere alpha is free
    assert float(footage_losses.empty_loss(alpha, agrees)) == pytest.approx(0.25 * 32 / 33)


def test_recomposition_is_zero_for_the_truth_and_needs_the_shadow():
    frame, plate, alpha, foreground = scene()
    loss = footage_losses.recomposition_loss
    assert float(loss(says(alpha, foreground, 0.6), frame, plate)) < 1e-5
    without_shadow = float(loss(says(alpha, foreground, 1.0), frame, plate))
    behind = (1 - says(alpha, foreground).alpha) * plate * 0.4
    assert without_shadow == pytest.approx(float(behind.abs().mean()), rel=1e-3)
    # Where the plate is not believed it says nothing.
    assert float(loss(says(alpha, foreground, 1.0, valid=0.0), frame, plate)) < 1e-5


class Knows:
    """A network that says the same alpha whatever it sees, and the frame as foreground."""

    def __init__(self, alpha):
        self.alpha = alpha

    def __call__(self, frame, plate, prior):
        self.prior = prior
        return says(self.alpha, frame)


def test_swap_cycle_asks_for_the_same_alpha_and_foreground():
    _frame, plate, alpha, foreground = scene()
    other = torch.rand_like(plate)
    first = says(alpha, foreground)
    prior, knows = torch.rand(1, 2, 32, 32), Knows(alpha)
    terms = footage_losses.swap_cycle(knows, first, prior, other)
    assert knows.prior is prior
    assert float(terms["cycle_alpha"]) < 1e-5
    # Its foreground is the composite, 0.2 of whose colour comes from the other plate.
    inside = alpha[0, 0] > 0
    expected = (0.2 * (other - foreground))[..., inside].abs().mean()
    assert float(terms["cycle_foreground"]) == pytest.approx(float(expected), rel=0.02)
    terms = footage_losses.swap_cycle(Knows(torch.zeros_like(alpha)), first, prior, other)
    assert float(terms["cycle_alpha"]) == pytest.approx(float(alpha.mean()), rel=1e-3)


def test_swap_cycle_teaches_the_second_cut_only():
    """The second alpha, half the first, is drawn up to it; the first is not drawn down."""
    _, plate, alpha, foreground = scene()
    alpha.requires_grad_()
    first, prior = says(alpha, foreground), torch.zeros(1, 2, 32, 32)
    terms = footage_losses.swap_cycle(Knows(alpha * 0.5), first, prior, plate)
    terms["cycle_alpha"].backward()
    inside = alpha.detach() > 0
    assert (alpha.grad[inside] < 0).all()


def test_agreeing_with_the_teacher_costs_nothing():
    _frame, plate, alpha, foreground = scene()
    same = teacher_losses(says(alpha, foreground), says(alpha, foreground), plate)
    assert all(float(term) == 0 for term in same.values())
    off = teacher_losses(says(alpha * 0.5, foreground), says(alpha, foreground), plate)
    assert float(off["alpha"]) == pytest.approx(float(alpha.mean()) / 2, rel=1e-3)
    assert float(off["foreground"]) == 0
    assert float(off["gradient"]) > 0
    assert float(off["composition"]) > 0


def test_composites_move_sideways_over_the_new_background():
    _, _, alpha, foreground = scene()
    new = torch.rand_like(foreground)
    composite, there = adversary.compose(np.random.default_rng(2), says(alpha, foreground), new)
    offset = adversary.shift_along(np.random.default_rng(2), alpha)[1]
    assert offset != 0
    assert torch.equal(there > 0.5, adversary.moved(alpha, offset, 0.0) > 0.5)
    outside = there[0, 0] < 1e-3
    assert torch.allclose(composite[..., outside], new[..., outside], atol=1e-4)


def test_crops_lie_on_the_contour():
    _, _, alpha, _ = scene()
    rng = np.random.default_rng(0)
    for _ in range(10):
        places = adversary.contour_crops(rng, alpha, 12)
        cut = adversary.crop(alpha, places, 12)
        assert cut.shape == (1, 1, 12, 12)
        assert 0 < float((cut > 0.5).float().mean()) < 1


def test_real_and_fake_meet_the_same_cameras_and_the_gradient_passes():
    grey = torch.full((2, 3, 48, 48), 0.5, requires_grad=True)
    shot = adversary.through_cameras(3, grey)
    assert torch.equal(shot, adversary.through_cameras(3, grey.detach()))
    assert not torch.equal(shot, adversary.through_cameras(4, grey))
    assert 0 < float((shot - grey).detach().abs().mean()) < 0.1
    shot.sum().backward()
    assert torch.equal(grey.grad, torch.ones_like(grey))


def test_the_discriminator_is_bounded():
    """Spectral normalisation: no convolution's largest singular value is far above 1."""
    discriminator = adversary.make_discriminator()
    for _ in range(8):
        discriminator(torch.rand(1, 3, 16, 16))
    for part in discriminator.modules():
        if isinstance(part, torch.nn.Conv2d):
            assert float(torch.linalg.matrix_norm(part.weight.detach().flatten(1), 2)) < 1.3


def given(seed=0):
    """Smooth frames, and new places that are all noise: easily told apart."""
    smooth = torch.nn.functional.interpolate(torch.rand(2, 3, 4, 4), (64, 64), mode="bilinear")
    priors = torch.rand(2, 2, 64, 64)
    shot = footage_losses.Shot(smooth, torch.rand(2, 3, 64, 64), torch.ones(2, 1, 64, 64), priors)
    alpha = torch.zeros(2, 1, 64, 64)
    alpha[..., 16:48, 16:48] = 1
    target = says(alpha, shot.frame)
    return Given(shot, target, torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64), seed)


def test_discriminator_learns_to_tell_real_from_composite():
    network, discriminator = CompactNetwork().eval(), adversary.make_discriminator()
    optimizer = torch.optim.Adam(discriminator.parameters(), 2e-4, betas=(0.5, 0.999))
    fixed, before = given(), [part.clone() for part in network.parameters()]
    losses = [
        step_discriminator(network, discriminator, optimizer, fixed, 32, np.random.default_rng(0))
        for _ in range(12)
    ]
    assert losses[-1] < 0.8 * losses[0]
    assert all(map(torch.equal, before, network.parameters()))


def test_student_step_lowers_what_it_should_and_leaves_the_discriminator():
    network, discriminator = CompactNetwork().eval(), adversary.make_discriminator().eval()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    fixed, before = given(), [part.clone() for part in discriminator.parameters()]
    strengths = Strengths(adversarial=0.2, teacher=1.0, footage=1.0)
    steps = [
        step_student(
            network, discriminator, optimizer, fixed, strengths, 32, np.random.default_rng(0)
        )
        for _ in range(6)
    ]
    for name in ("alpha", "composition", "empty"):
        assert steps[-1][name] < steps[0][name], name
    assert steps[0].keys() >= {"adversarial", "cycle_alpha", "recomposition", "gradient"}
    assert all(map(torch.equal, before, discriminator.parameters()))
    assert all(part.grad is None for part in discriminator.parameters())


def judged(*disagreements):
    return [
        {"step": step, "disagreement": value, "footage": 1.0}
        for step, value in enumerate(disagreements)
    ]


def test_it_stops_where_disagreement_keeps_rising_beyond_the_limit():
    assert rises(judged(5, 11, 12, 13), limit=10, patience=3)
    assert not rises(judged(5, 6, 7, 8), limit=10, patience=3)  # departs, but not far
    assert not rises(judged(5, 11, 12, 11.9, 13), limit=10, patience=3)  # turned back
    assert not rises(judged(90, 60, 40), limit=10, patience=2)  # random weights come nearer
    assert not rises(judged(11, 12), limit=10, patience=3)


def test_the_best_is_near_the_teacher_first_and_then_good_on_footage():
    near, good = judged(4)[0], judged(4)[0] | {"footage": 0.5}
    far = judged(30)[0] | {"footage": 0.1}
    assert better(good, near, 10)
    assert not better(far, near, 10)
    assert better(judged(25)[0], far, 10)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def same(ours, theirs):
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list | tuple):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(ours, torch.Tensor):
        return torch.equal(ours, theirs)
    return ours == theirs


def test_resumed_run_equals_an_uninterrupted_one(tmp_path, teacher, folders):
    clips, pool = [made.clip(), made.clip(seed=1)], read_pool(folders[1], foregrounds=False)
    longer = replace(TINY, steps_limit=7)
    whole = checkpoint.load(train_student(tmp_path / "whole", clips, pool, teacher, longer))
    run = tmp_path / "run"
    first = checkpoint.load(train_student(run, clips, pool, teacher, TINY))
    with pytest.raises(OutputError, match="already holds a run; add --resume"):
        train_student(run, clips, pool, teacher, longer)
    torch.manual_seed(99)  # nothing may hang on what came before
    resumed = checkpoint.load(train_student(run, clips, pool, teacher, longer, resume=True))
    assert (first["steps"], resumed["steps"], whole["steps"]) == (3, 7, 7)
    parts = [name for name in whole if name != "seconds"]
    for name in parts:
        assert same(resumed[name], whole[name]), name
    for name in ("network", "discriminator", "optimizer", "discriminator_optimizer"):
        assert not same(first[name], whole[name]), name
    assert same(first["teacher"], whole["teacher"])
    assert [line["step"] for line in lines(run / "held-out.jsonl")] == [0, 2, 3, 4, 6, 7]
    assert [line["step"] for line in lines(run / "log.jsonl")] == [3, 7]
    assert (run / "held-out.png").is_file()


def test_random_start_is_not_the_teacher(tmp_path, teacher):
    options = replace(TINY, start="random", adversarial=0.0, steps_limit=1)
    train_student(tmp_path, [made.clip()], None, teacher, options)
    from_teacher = replace(options, start="teacher")
    train_student(tmp_path / "other", [made.clip()], None, teacher, from_teacher)
    assert lines(tmp_path / "held-out.jsonl")[0]["disagreement"] > 1
    assert lines(tmp_path / "other" / "held-out.jsonl")[0]["disagreement"] == 0


def test_it_stops_early_and_keeps_the_weights_from_before(tmp_path, teacher, monkeypatch):
    coming = iter(judged(0, 11, 12, 13))
    monkeypatch.setattr(student, "judge", lambda *_: next(coming))
    options = replace(TINY, adversarial=0.0, patience=2, judge_every=1, steps_limit=3)
    said = []
    path = train_student(tmp_path, [made.clip()], None, teacher, options, say=said.append)
    content = checkpoint.load(path)
    assert content["steps"] == 2
    assert said == ["Stopped early: disagreement with the teacher rose 2 times in a row."]
    assert content["kept"]["step"] == 0
    assert same(content["average"], content["teacher"])
    assert not same(content["smoothed"], content["teacher"])


def test_what_was_learned_since_the_last_judgement_is_exported(tmp_path, teacher, monkeypatch):
    def judged_by_its_step(_student, _teacher, _held_out, step):
        return {"step": step, "disagreement": 1.0, "footage": 10.0 - step}

    monkeypatch.setattr(student, "judge", judged_by_its_step)
    options = replace(TINY, adversarial=0.0, judge_every=10)
    first = checkpoint.load(train_student(tmp_path, [made.clip()], None, teacher, options))
    assert first["kept"]["step"] == 3
    assert same(first["average"], first["smoothed"])
    assert [judgement["step"] for judgement in first["history"]] == [0]

    # A worse end does not last, and what was judged before counts when it goes on.
    worse = {"footage": 11.0}
    monkeypatch.setattr(student, "judge", lambda *given: judged_by_its_step(*given) | worse)
    longer = replace(options, steps_limit=4)
    path = train_student(tmp_path, [made.clip()], None, teacher, longer, resume=True)
    second = checkpoint.load(path)
    assert second["kept"]["step"] == 0
    assert same(second["average"], second["teacher"])


def test_a_random_start_is_remembered(tmp_path, teacher):
    options = replace(TINY, adversarial=0.0, steps_limit=1, start="random")
    train_student(tmp_path, [made.clip()], None, teacher, options)
    again = replace(options, steps_limit=2, start="teacher")
    first = checkpoint.load(tmp_path / "checkpoint.pt")["network"]
    path = train_student(tmp_path, [made.clip()], None, teacher, again, resume=True)
    assert json.loads((tmp_path / "options.json").read_text())["start"] == "random"
    counts = [name for name in first if name.endswith("running_mean")]
    second = checkpoint.load(path)["network"]
    assert not all(torch.equal(first[name], second[name]) for name in counts)  # its norms learn


def test_bad_options_and_weights_are_refused(tmp_path, teacher):
    clips = [made.clip()]
    run = tmp_path / "run"
    with pytest.raises(InputError, match="multiple of 16"):
        train_student(run, clips, None, teacher, replace(TINY, size=100))
    with pytest.raises(InputError, match="Patch 80"):
        train_student(run, clips, None, teacher, replace(TINY, patch=80))
    with pytest.raises(WeightsError, match=r"no\.pt is not there"):
        train_student(run, clips, None, tmp_path / "no.pt", TINY)
    checkpoint.save(tmp_path / "checkpoint.pt", checkpoint.load(teacher))
    with pytest.raises(WeightsError, match="of another kind"):
        train_student(tmp_path, clips, None, teacher, TINY, resume=True)
    assert not run.exists()
