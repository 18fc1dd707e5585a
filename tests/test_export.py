"""From a run to ONNX files: the tile refiner's training, parity, and what is refused."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from cleanplate.errors import InputError, OutputError, WeightsError  # noqa: E402
from cleanplate.looks import Look  # noqa: E402
from cleanplate.motion import Memory  # noqa: E402
from cleanplate.network import load_model  # noqa: E402
from cleanplate.people import Segmenter  # noqa: E402
from cleanplate.training import checkpoint, export  # noqa: E402
from cleanplate.training.data import read_pool  # noqa: E402
from cleanplate.training.networks.compact import CompactNetwork  # noqa: E402
from cleanplate.training.networks.refiner import PADDED, TileRefiner  # noqa: E402
from cleanplate.training.networks.segmenter import PersonSegmenter  # noqa: E402
from cleanplate.training.refiner import (  # noqa: E402
    RefinerOptions,
    TileStream,
    refiner_losses,
    train_refiner,
)

TINY = RefinerOptions(size=96, tiles=12, samples_per_step=1, planned_steps=2, workers=0)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run's folder with a network that was never trained, but whose norms do something."""
    folder = tmp_path_factory.mktemp("run")
    torch.manual_seed(1)
    network = CompactNetwork()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    content = {"network": CompactNetwork().state_dict(), "average": network.state_dict()}
    checkpoint.save(folder / "checkpoint.pt", content | {"samples": 1234, "seconds": 5.0})
    return folder


@pytest.fixture(scope="module")
def weights(run, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.onnx"
    export.export_run(run, path)
    return path


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_exported_network_says_the_same(run, tmp_path):
    output = tmp_path / "new" / "network.onnx"
    output.parent.mkdir()
    for part in ("integer", "memory.integer", "memory", "refiner", "2"):  # of other weights
        (output.parent / f"network.{part}.onnx").touch()
    ((path, difference),) = export.export_run(run, output)
    assert path == output
    assert 0 < difference < export.TOLERANCE
    kept = ["network.2.onnx", "network.onnx", "network.plate.onnx"]
    assert sorted(os.listdir(output.parent)) == kept
    notes = {note.key: note.value for note in onnx.load(output).metadata_props}
    assert notes["samples"] == "1234"
    assert notes["commit"]


def test_exported_network_is_the_average_as_it_runs(run, weights):
    """Through the very class that ships, against torch."""
    network = CompactNetwork().eval()
    network.load_state_dict(checkpoint.load(run / "checkpoint.pt")["average"])
    rng = np.random.default_rng(0)
    frame, plate = rng.random((2, 48, 80, 3), dtype=np.float32)
    prior = rng.random((48, 80, 1), dtype=np.float32)
    model = load_model(weights, "cpu", 1)
    model.look = Look(48 * 80)
    for given in (prior, None):
        coarse = model(frame, model.encode_plate(plate, 48, 80), given)
        cue = np.zeros((48, 80, 2), np.float32)
        if given is not None:
            cue[..., :1], cue[..., 1] = given, 1
        planes = [torch.from_numpy(each).permute(2, 0, 1)[None] for each in (frame, plate, cue)]
        with torch.no_grad():
            prediction = network(*planes)
        for ours, theirs in (
            (coarse.alpha, prediction.alpha),
            (coarse.foreground, prediction.foreground.clamp(0, 1)),
            (coarse.error, torch.sigmoid(prediction.error)),
            (coarse.shadow, prediction.shadow),
            (coarse.valid, torch.sigmoid(prediction.valid_logit)),
        ):
            np.testing.assert_allclose(
                ours, theirs[0].permute(1, 2, 0).numpy(), atol=export.TOLERANCE
            )


def test_weights_that_learned_from_clips_get_a_file_that_takes_memory(run, tmp_path):
    content = checkpoint.load(run / "checkpoint.pt")
    checkpoint.save(tmp_path / "clips.pt", content | {"clips": 0.5})
    export.export_run(tmp_path / "clips.pt", tmp_path / "it.onnx")
    model = load_model(tmp_path / "it.onnx", "cpu", 1)
    assert model.remembers
    model.look = Look(48 * 80)
    network = CompactNetwork().eval()
    network.load_state_dict(content["average"])
    rng = np.random.default_rng(0)
    frame, plate = rng.random((2, 48, 80, 3), dtype=np.float32)
    before = rng.random((48, 80, 1), dtype=np.float32)
    memory = Memory(frame, before)  # nothing has moved
    coarse = model(frame, model.encode_plate(plate, 48, 80), None, memory, True, people=False)
    past = np.dstack([before, frame, np.ones_like(before)])
    shown = [torch.from_numpy(each).permute(2, 0, 1)[None] for each in (frame, plate, past)]
    with torch.no_grad():
        told = network(*shown[:2], torch.zeros(1, 2, 48, 80), shown[2]).alpha
        untold = network(*shown[:2], torch.zeros(1, 2, 48, 80)).alpha
    alpha = torch.from_numpy(coarse.alpha).permute(2, 0, 1)[None]
    torch.testing.assert_close(alpha, told, atol=export.TOLERANCE, rtol=0)
    assert (told - untold).abs().max() > 10 * export.TOLERANCE
    export.export_run(run, tmp_path / "it.onnx")  # of weights that learned from stills alone
    assert not load_model(tmp_path / "it.onnx", "cpu", 1).remembers


def test_one_checkpoint_can_be_exported(run, tmp_path):
    content = checkpoint.load(run / "checkpoint.pt")
    checkpoint.save(tmp_path / "published.pt", {"average": content["average"]})
    ((path, difference),) = export.export_run(tmp_path / "published.pt", tmp_path / "it.onnx")
    assert path == tmp_path / "it.onnx"
    assert difference < export.TOLERANCE


@pytest.mark.parametrize("name", ["weights.pt", "weights", "weights.onnx.gz"])
def test_wrong_ending_is_refused(run, tmp_path, name):
    with pytest.raises(OutputError, match=r"must end in \.onnx"):
        export.export_run(run, tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_run_without_weights_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(
            WeightsError, match=r"holds no checkpoint\.pt, no refiner\.pt, no segmenter\.pt"
        ):
            export.export_run(folder, tmp_path / "out.onnx")


def test_checkpoint_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "published.pt"
    checkpoint.save(path, {"network": TileRefiner().state_dict(), "step": 3})
    with pytest.raises(WeightsError, match=r"published\.pt is of another kind"):
        export.export_run(path, tmp_path / "out.onnx")
    assert os.listdir(tmp_path) == ["published.pt"]


def test_a_network_and_a_segmenter_do_not_share_a_name(run, tmp_path):
    folder, out = tmp_path / "run", tmp_path / "out.onnx"
    shutil.copytree(run, folder)
    checkpoint.save(folder / "segmenter.pt", {"average": PersonSegmenter().state_dict()})
    with pytest.raises(WeightsError, match=r"cannot both become out\.onnx: name one of these"):
        export.export_run(folder, out)
    assert os.listdir(tmp_path) == ["run"]
    export.export_run(folder / "checkpoint.pt", out)
    assert sorted(os.listdir(tmp_path)) == ["out.onnx", "out.plate.onnx", "run"]
    export.export_run(folder / "segmenter.pt", out)  # in the place of the network
    assert sorted(os.listdir(tmp_path)) == ["out.onnx", "run"]
    assert Segmenter(out)(np.zeros((32, 32, 3), np.float32)).shape == (32, 32, 1)


def test_export_that_differs_is_not_kept(run, tmp_path, monkeypatch):
    (tmp_path / "out.onnx").write_bytes(b"the old one")
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    with pytest.raises(WeightsError, match=r"differs from the network by .*was not kept"):
        export.export_run(run, tmp_path / "out.onnx")
    assert os.listdir(tmp_path) == ["out.onnx"]
    assert (tmp_path / "out.onnx").read_bytes() == b"the old one"


def test_export_without_git(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    export.export_run(run, tmp_path / "out.onnx")
    notes = {note.key: note.value for note in onnx.load(tmp_path / "out.onnx").metadata_props}
    assert notes["commit"] == "unknown"


def test_tile_stream_yields_tiles_with_their_truth(folders, weights):
    both = read_pool(folders[0], True), read_pool(folders[1], False)
    stream = TileStream(weights, *both, TINY)
    tiles, truth = next(iter(stream))
    count = len(tiles)
    assert 0 < count <= 12
    assert tiles.shape == (count, PADDED, 22, 22)
    assert truth.shape == (count, 7, 16, 16)
    again = next(iter(stream))
    assert torch.equal(tiles, again[0])
    assert torch.equal(truth, again[1])
    # The frame in the tiles is the composite of the truth, but for light, noise and codec.
    alpha, foreground, shaded = truth[:, :1], truth[:, 1:4], truth[:, 4:]
    composite = alpha * foreground + (1 - alpha) * shaded
    assert float((composite - tiles[:, :3, 3:-3, 3:-3]).abs().mean()) < 0.12


def test_refiner_losses_are_nothing_at_the_truth():
    tiles, truth = torch.rand(4, PADDED, 22, 22), torch.rand(4, 7, 16, 16)
    inner = tiles[:, :, 3:-3, 3:-3]
    right = torch.cat([truth[:, :1] - inner[:, 10:11], truth[:, 1:4] - inner[:, 6:9]], 1)
    assert max(float(term) for term in refiner_losses(right, tiles, truth).values()) < 1e-6
    for channel, expected in ((0, {"alpha", "gradient", "composition"}), (2, {"foreground"})):
        wrong = right.clone()
        wrong[:, channel] += 0.1 * torch.randn(4, 16, 16)
        terms = refiner_losses(wrong, tiles, truth)
        assert {name for name, term in terms.items() if term > 1e-4} >= expected
        assert (channel == 0) == (float(terms["alpha"]) > 1e-4)


def test_refiner_runs_goes_on_and_exports(folders, weights, run, tmp_path):
    path = train_refiner(weights, *folders, tmp_path, TINY)
    first = checkpoint.load(path)
    assert first["step"] == 2
    longer = replace(TINY, planned_steps=3)
    assert train_refiner(weights, *folders, tmp_path, longer) == path
    second = checkpoint.load(path)
    assert second["step"] == 3
    assert second["optimizer"]["state"][0]["step"] == 3  # it did not begin anew
    logged = lines(tmp_path / "refiner.jsonl")
    assert [line["step"] for line in logged] == [2, 3]
    assert logged[0].keys() >= {"alpha", "alpha_before", "foreground", "foreground_before"}

    done = path.read_bytes()
    train_refiner(weights, *folders, tmp_path, longer)  # nothing is left to do
    assert path.read_bytes() == done
    assert len(lines(tmp_path / "refiner.jsonl")) == 2

    shutil.copy(run / "checkpoint.pt", tmp_path / "checkpoint.pt")
    written = export.export_run(tmp_path, tmp_path / "out" / "both.onnx")
    names = ["both.onnx", "both.refiner.onnx"]
    assert [file.name for file, _ in written] == names
    assert all(difference < export.TOLERANCE for _, difference in written)
    tiles = np.random.default_rng(0).random((7, PADDED, 22, 22), dtype=np.float32)
    refiner = TileRefiner()
    refiner.load_state_dict(second["network"])
    ours = load_model(tmp_path / "out" / "both.onnx", "cpu", 1).refiner.run(None, {"tiles": tiles})
    with torch.no_grad():
        theirs = refiner(torch.from_numpy(tiles)).numpy()
    assert np.abs(theirs).max() > 0
    np.testing.assert_allclose(ours[0], theirs, atol=1e-5)


def test_refiner_that_goes_on_sees_new_samples(folders, weights, tmp_path, monkeypatch):
    seen, sample = [], TileStream.sample
    monkeypatch.setattr(
        TileStream,
        "sample",
        lambda self, index, model: seen.append(index) or sample(self, index, model),
    )
    path = train_refiner(weights, *folders, tmp_path, TINY)
    train_refiner(weights, *folders, tmp_path, replace(TINY, planned_steps=3))
    checkpoint.slim(path, path)  # a schedule of its own
    train_refiner(weights, *folders, tmp_path, replace(TINY, planned_steps=1))
    assert seen == [0, 1, 2, 3]


def test_refiner_goes_on_from_a_published_checkpoint(folders, weights, tmp_path):
    path = train_refiner(weights, *folders, tmp_path, TINY)
    before = checkpoint.load(path)["network"]
    checkpoint.slim(path, path)
    options = replace(TINY, planned_steps=1, learning_rate=1e-6)
    after = checkpoint.load(train_refiner(weights, *folders, tmp_path, options))
    assert after["step"] == 1  # of a schedule of its own
    for name, value in after["network"].items():
        assert torch.allclose(value, before[name], atol=2e-3)
    assert any(float(value.abs().max()) > 0.02 for value in before.values())


def test_refiner_stops_in_time(folders, weights, tmp_path):
    options = replace(TINY, minutes=0, planned_steps=1000)
    assert checkpoint.load(train_refiner(weights, *folders, tmp_path, options))["step"] == 1


def test_refiner_needs_weights_and_pictures(folders, weights, tmp_path):
    with pytest.raises(WeightsError, match=r"no\.onnx does not exist"):
        train_refiner(tmp_path / "no.onnx", *folders, tmp_path / "run", TINY)
    with pytest.raises(InputError, match="is not a folder"):
        train_refiner(weights, tmp_path / "nothing", folders[1], tmp_path / "run", TINY)
    assert os.listdir(tmp_path) == []
