"""The teacher's run: bounded, resumable to the bit, and plain about what it cannot do."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

import pools  # noqa: E402
from cleanplate.errors import DeviceError, InputError, OutputError, WeightsError  # noqa: E402
from cleanplate.jobs.lock import locked  # noqa: E402
from cleanplate.media.replacing import PREFIX  # noqa: E402
from cleanplate.training import checkpoint, precision, teacher  # noqa: E402
from cleanplate.training.networks.compact import CompactNetwork  # noqa: E402
from cleanplate.training.processes import alone_in  # noqa: E402
from cleanplate.training.stream import Synthesis, batches  # noqa: E402
from cleanplate.training.synthesis import Recipe, synthesize  # noqa: E402
from cleanplate.training.teacher import TeacherOptions, train_teacher  # noqa: E402

TINY = TeacherOptions(
    size=64,
    batch=2,
    planned_samples=1000,
    workers=0,
    device="cpu",
    held_out=2,
    samples_limit=4,
)


pytestmark = pytest.mark.usefixtures("one_thread")


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def equal(ours, theirs):
    """Bit for bit, through dictionaries and lists."""
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(equal(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list | tuple):
        return len(ours) == len(theirs) and all(map(equal, ours, theirs))
    if isinstance(ours, torch.Tensor):
        return ours.dtype == theirs.dtype and torch.equal(ours, theirs)
    return ours == theirs


def test_resumed_run_equals_an_uninterrupted_one(tmp_path, folders):
    whole = checkpoint.load(
        train_teacher(*folders, tmp_path / "whole", replace(TINY, samples_limit=8))
    )
    first = checkpoint.load(train_teacher(*folders, tmp_path / "run", TINY))
    assert first["samples"] == 4
    torch.manual_seed(99)  # nothing may hang on what came before
    resumed = train_teacher(*folders, tmp_path / "run", replace(TINY, samples_limit=8), resume=True)
    resumed = checkpoint.load(resumed)
    assert resumed["samples"] == whole["samples"] == 8
    for part in ("network", "average", "optimizer"):
        assert equal(resumed[part], whole[part]), part
        assert not equal(first[part], whole[part]), part
    assert resumed["seconds"] > first["seconds"]


def test_run_leaves_log_pictures_and_options(tmp_path, folders):
    run = tmp_path / "deep" / "run"
    assert train_teacher(*folders, run, replace(TINY, held_out=5)) == run / "checkpoint.pt"
    assert sorted(os.listdir(run)) == [
        "checkpoint.pt",
        "held-out.jsonl",
        "held-out.png",
        "log.jsonl",
        "options.json",
    ]
    (line,) = lines(run / "log.jsonl")
    assert line["samples"] == 4
    assert line.keys() >= {"seconds", "learning_rate", "alpha", "foreground", "composition"}
    assert all(np.isfinite(value) for value in line.values())
    (judged,) = lines(run / "held-out.jsonl")
    assert 0 < judged["mad"]["median"] < 1000
    assert json.loads((run / "options.json").read_text())["held_out"] == 5
    # Two and two of five samples, six pictures of 256 pixels each, at half the size.
    assert cv2.imread(str(run / "held-out.png")).shape == (2 * 128, 2 * 6 * 128, 3)


def test_one_held_out_sample_is_enough(tmp_path, folders):
    train_teacher(*folders, tmp_path, replace(TINY, held_out=1, samples_limit=2))
    assert cv2.imread(str(tmp_path / "held-out.png")).shape == (128, 6 * 128, 3)


def test_minutes_bound_the_run_and_checkpoints_come_on_the_way(tmp_path, folders):
    train_teacher(*folders, tmp_path / "short", replace(TINY, minutes=0, samples_limit=None))
    assert checkpoint.load(tmp_path / "short" / "checkpoint.pt")["samples"] == 2  # one step
    options = replace(TINY, minutes_between_checkpoints=0, held_out=1)
    train_teacher(*folders, tmp_path / "often", options)
    judged = lines(tmp_path / "often" / "held-out.jsonl")
    assert [line["samples"] for line in judged] == [2, 4]


def test_run_is_not_overwritten(tmp_path, folders):
    (tmp_path / "checkpoint.pt").write_bytes(b"precious")
    with pytest.raises(OutputError, match="already holds a run; add --resume"):
        train_teacher(*folders, tmp_path, TINY)
    assert (tmp_path / "checkpoint.pt").read_bytes() == b"precious"
    assert os.listdir(tmp_path) == ["checkpoint.pt"]


def test_nothing_to_resume(tmp_path, folders):
    with pytest.raises(WeightsError, match="leave --resume out"):
        train_teacher(*folders, tmp_path / "run", TINY, resume=True)
    checkpoint.save(tmp_path / "checkpoint.pt", {"network": {}, "samples": 4})
    with pytest.raises(WeightsError, match="is of another kind"):
        train_teacher(*folders, tmp_path, TINY, resume=True)


def test_a_run_of_another_kind_is_no_teacher(tmp_path, folders):
    """A student's checkpoint holds networks of the same names, and so does one grown from it."""
    weights = CompactNetwork().state_dict()
    content = {"network": weights, "average": weights, "steps": 3, "seconds": 1.0}
    checkpoint.save(tmp_path / "checkpoint.pt", content)
    with pytest.raises(WeightsError, match="is no checkpoint of a teacher; name its run"):
        train_teacher(*folders, tmp_path, TINY, resume=True)


def test_two_processes_do_not_train_into_one_folder(tmp_path, folders):
    from cleanplate.training.segmenter import SegmenterOptions, train_segmenter

    run = tmp_path / "run"
    with locked(run):
        with pytest.raises(OutputError, match="Another process works on "):
            train_teacher(*folders, run, TINY)
        with pytest.raises(OutputError, match="Another process works on "):
            train_segmenter(*folders, run, SegmenterOptions(size=64, device="cpu"))
        assert os.listdir(run) == ["lock"]
    assert os.listdir(tmp_path) == []


def test_what_a_kill_left_half_written_goes(tmp_path):
    for name in (f"{PREFIX}1.pt", "log.jsonl"):
        (tmp_path / name).touch()
    with alone_in(tmp_path, rank=1):  # which is not the process that writes
        assert len(os.listdir(tmp_path)) == 2
    with alone_in(tmp_path):
        assert sorted(os.listdir(tmp_path)) == ["lock", "log.jsonl"]


def test_an_optimizer_steps_as_is_quickest_on_the_device_it_goes_on(tmp_path, folders):
    path = train_teacher(*folders, tmp_path, TINY)
    content = checkpoint.load(path)
    content["optimizer"]["param_groups"][0]["fused"] = True  # as a GPU leaves it
    checkpoint.save(path, content)
    train_teacher(*folders, tmp_path, replace(TINY, samples_limit=6), resume=True)
    assert checkpoint.load(path)["optimizer"]["param_groups"][0]["fused"] is False


def test_a_gpu_that_only_emulates_bfloat16_is_not_asked_for_it(monkeypatch):
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation
    )
    assert not precision.has_bfloat16("cuda:0")


def test_a_full_gpu_is_told_in_a_sentence():
    said = pytest.raises(DeviceError, match="memory is full: give a smaller --batch or --size")
    with said, precision.memory_explained():
        raise torch.OutOfMemoryError


def test_published_checkpoint_without_optimizer_goes_on(tmp_path, folders):
    path = train_teacher(*folders, tmp_path, TINY)
    content = checkpoint.load(path)
    del content["optimizer"]
    checkpoint.save(path, content)
    train_teacher(*folders, tmp_path, replace(TINY, samples_limit=6), resume=True)
    assert checkpoint.load(path)["samples"] == 6


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"size": 100}, InputError, "Size 100 was asked for; give a multiple of 16"),
        ({"device": "tpu"}, DeviceError, "'tpu' is not known; use cpu, cuda or auto"),
        ({"network": "huge"}, InputError, "'huge' is not known; use compact or large"),
        ({"person": "default"}, WeightsError, "compact.onnx is no person segmenter: it takes"),
    ],
)
def test_options_that_cannot_be(tmp_path, folders, change, error, words):
    with pytest.raises(error, match=words):
        train_teacher(*folders, tmp_path / "run", replace(TINY, **change))
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_gpu_that_is_not_there(tmp_path, folders):
    with pytest.raises(DeviceError, match="torch sees no GPU; use --device cpu"):
        train_teacher(*folders, tmp_path / "run", replace(TINY, device="cuda"))


def test_damaged_picture_found_by_a_worker_is_told_in_one_line(tmp_path, folders):
    pools.write_pair(tmp_path / "bad", "pair")
    cv2.imwrite(str(tmp_path / "bad" / "pair.png"), np.zeros((30, 20), np.uint8))
    options = replace(TINY, workers=1, held_out=0)
    with pytest.raises(InputError) as caught:
        train_teacher(tmp_path / "bad", folders[1], tmp_path / "run", options)
    assert str(caught.value).startswith(f"{tmp_path / 'bad' / 'pair.jpg'}: colour is 48 x 72")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()  # nothing was trained


def test_another_size_of_network_is_refused_and_the_run_s_own_is_noted(tmp_path, folders):
    run = tmp_path / "run"
    path = train_teacher(*folders, run, TINY)
    assert json.loads((run / "options.json").read_text())["network"] == "compact"
    before = {each: each.read_bytes() for each in run.iterdir()}
    with pytest.raises(InputError, match=r"trains a compact network .* train grow"):
        train_teacher(*folders, run, replace(TINY, network="large"), resume=True)
    assert before == {each: each.read_bytes() for each in run.iterdir()}
    checkpoint.grow(path, tmp_path / "large" / "checkpoint.pt", "large", 0)
    options = replace(TINY, samples_limit=6)
    train_teacher(*folders, tmp_path / "large", options, resume=True)
    assert json.loads((tmp_path / "large" / "options.json").read_text())["network"] == "large"


def rate_at(options, samples, seconds=0.0, cold=0):
    state = teacher.State(None, None, None, samples, cold=cold)
    return teacher._learning_rate(options, state, seconds)


def test_learning_rate_falls_over_the_minutes_where_no_samples_are_planned():
    options = TeacherOptions(minutes=10, planned_samples=0, learning_rate=1e-3)
    rates = [rate_at(options, 90_000, seconds) for seconds in (0, 300, 600, 700)]
    assert rates == pytest.approx([1e-3, 0.51e-3, 0.02e-3, 0.02e-3])


def test_learning_rate_warms_up_again_with_a_new_optimizer():
    options = TeacherOptions(planned_samples=1_000_000, learning_rate=1e-3)
    assert rate_at(options, 50_000, cold=50_000) < 0.05 * rate_at(options, 50_000)
    assert rate_at(options, 52_000, cold=50_000) == rate_at(options, 52_000)


def test_memory_is_learned_without_a_change_for_stills(tmp_path, folders):
    run = tmp_path / "run"
    before = checkpoint.load(train_teacher(*folders, run, TINY))["average"]
    with pytest.raises(InputError, match="add --resume"):
        train_teacher(*folders, tmp_path / "new", replace(TINY, memory_only=True))
    slim = {"average": before, "network": before, "samples": 4, "seconds": 1.0}
    checkpoint.save(run / "checkpoint.pt", slim)  # as it is published: without an optimizer
    options = replace(TINY, memory_only=True, samples_limit=10, minutes=1)
    after = checkpoint.load(train_teacher(*folders, run, options, resume=True))
    assert after["clips"] == 1
    nets = [CompactNetwork().eval() for _ in range(2)]
    for network, weights in zip(nets, (before, after["average"]), strict=True):
        network.load_state_dict(weights)
    frame, plate = torch.rand(2, 1, 3, 64, 64)
    prior, memory = torch.rand(1, 2, 64, 64), torch.rand(1, 5, 64, 64)
    with torch.no_grad():
        old, new = (network(frame, plate, prior).alpha for network in nets)
        told_old, told_new = (network(frame, plate, prior, memory).alpha for network in nets)
    torch.testing.assert_close(old, new, atol=1e-6, rtol=0)
    assert (told_old - told_new).abs().max() > 1e-5


def test_memory_alone_begins_its_optimizer_anew_and_then_goes_on(tmp_path, folders):
    """The run before learned all weights; its optimizer knows of more than there is to learn."""
    run = tmp_path / "run"
    before = checkpoint.load(train_teacher(*folders, run, TINY))
    options = replace(TINY, memory_only=True, samples_limit=before["samples"] + 4, minutes=1)
    after = checkpoint.load(train_teacher(*folders, run, options, resume=True))
    assert after["cold"] == before["samples"]
    options = replace(options, samples_limit=after["samples"] + 4)
    last = checkpoint.load(train_teacher(*folders, run, options, resume=True))
    assert last["cold"] == before["samples"]
    assert last["samples"] > after["samples"]


def test_replay_uses_each_sample_again(tmp_path, folders, monkeypatch):
    made, make = [], Synthesis.__getitem__
    monkeypatch.setattr(
        Synthesis, "__getitem__", lambda self, which: made.append(which[0]) or make(self, which)
    )
    options = replace(
        TINY, clips=0.0, replay=3, replay_capacity=4, samples_limit=12, held_out=0, person=None
    )
    path = train_teacher(*folders, tmp_path / "run", options)
    assert checkpoint.load(path)["samples"] == 12
    assert made == [0, 1, 2, 3]  # a third of them
    with pytest.raises(InputError, match="clips 0"):
        train_teacher(*folders, tmp_path / "other", replace(options, clips=0.5))


def test_a_slim_checkpoint_warms_up_when_it_goes_on(tmp_path, folders):
    run = tmp_path / "run"
    path = train_teacher(*folders, run, TINY)
    assert checkpoint.load(path)["cold"] == 0
    checkpoint.slim(path, path)
    path = train_teacher(*folders, run, replace(TINY, samples_limit=6), resume=True)
    assert checkpoint.load(path)["cold"] == 4


def test_a_run_that_ends_with_stills_has_no_memory_to_use(tmp_path, folders):
    train_teacher(*folders, tmp_path / "run", replace(TINY, clips=0.5))
    stills = replace(TINY, samples_limit=6, clips=0.0)
    path = train_teacher(*folders, tmp_path / "run", stills, resume=True)
    assert checkpoint.load(path)["clips"] == 0


def test_learning_rate_warms_up_and_falls_to_two_percent():
    options = TeacherOptions(planned_samples=100_000, learning_rate=1e-3)
    rates = [rate_at(options, samples) for samples in range(0, 120_001, 500)]
    assert rates[0] < 0.05e-3
    assert max(rates) == pytest.approx(1e-3, rel=0.01)
    assert rates.index(max(rates)) == 4  # 2,000 samples
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[-1] == pytest.approx(0.02e-3, rel=1e-6)


def test_sample_depends_on_seed_and_number_alone(folders):
    both, recipe = pools.read_pools(folders), Recipe(size=64)
    sample = Synthesis(*both, recipe, seed=5)[7, 1]
    again = synthesize(np.random.default_rng([5, 7]), *both, recipe)
    assert sample.keys() == again.keys()
    for name, picture in sample.items():
        assert picture.shape == (again[name].shape[2], 64, 64)
        assert np.array_equal(picture.numpy(), np.moveaxis(again[name], -1, 0))


def test_processes_share_the_samples(folders):
    """Two processes see what one with twice the batch sees, each its half."""
    data = Synthesis(*pools.read_pools(folders), Recipe(size=64), seed=0)
    doubled = batches(data, first=4, size=4, step=4, workers=0)
    shares = [batches(data, first=4 + 2 * rank, size=2, step=4, workers=0) for rank in (0, 1)]
    for _ in range(2):
        whole, halves = next(doubled), [next(share) for share in shares]
        for name, pictures in whole.items():
            assert torch.equal(pictures, torch.cat([half[name] for half in halves]))


def test_training_lowers_the_loss(folders):
    """Twelve steps on one batch: the network, the loss and the optimizer pull together."""
    torch.manual_seed(0)
    data = Synthesis(*pools.read_pools(folders), Recipe(size=64), seed=0)
    batch = next(batches(data, first=0, size=4, step=4, workers=0))
    network = teacher.CompactNetwork()
    optimizer = torch.optim.AdamW(network.parameters())
    terms = [teacher._step(network, network, optimizer, 2e-3, batch, "cpu") for _ in range(12)]
    for name in ("alpha", "gradient", "foreground", "composition"):
        assert terms[-1][name] < 0.8 * terms[0][name], name


STOPPED_BY_THE_FIRST = """
import os, sys
from pathlib import Path
from cleanplate.training.teacher import TeacherOptions, train_teacher

first = os.environ["RANK"] == "0"
options = TeacherOptions(
    minutes=60 if first else 0,  # clocks never agree; one that stops alone would end it badly
    samples_limit=12 if first else None,
    size=64, batch=2, planned_samples=1000, workers=0, device="cpu", held_out=1,
)
train_teacher(*(Path(argument) for argument in sys.argv[1:4]), options)
"""


@pytest.mark.slow
def test_torchrun_with_two_processes(tmp_path, folders):
    (tmp_path / "train.py").write_text(STOPPED_BY_THE_FIRST)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += [str(tmp_path / "train.py"), *map(str, folders), str(tmp_path / "run")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr
    content = checkpoint.load(tmp_path / "run" / "checkpoint.pt")
    assert content["samples"] == 12
    assert [line["samples"] for line in lines(tmp_path / "run" / "log.jsonl")] == [12]
    assert not any(name.startswith("module.") for name in content["network"])
    resumed = replace(TINY, samples_limit=14)
    train_teacher(*folders, tmp_path / "run", resumed, resume=True)  # one process may go on
    assert checkpoint.load(tmp_path / "run" / "checkpoint.pt")["samples"] == 14
