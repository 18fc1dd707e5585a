"""A Ray cluster of two nodes: a data set, one of whose workers is killed, and clips."""

import os
import signal
from pathlib import Path

import pytest

import pools
import takes
from cleanplate.jobs.batch import cut_clips, plan_tasks
from cleanplate.jobs.options import ClipOptions
from cleanplate.spread import spread
from cleanplate.training.dataset import build as building

ray = pytest.importorskip("ray")


@pytest.fixture
def cluster(monkeypatch):
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))  # workers import this module
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.add_node(num_cpus=1)
    yield made
    ray.shutdown()
    made.shutdown()


def dies_once(task):
    """Make a shard; the first worker that takes shard 1 kills itself before it is whole."""
    mark = task.folder / "killed"
    if task.index == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    (task.folder / f"tries-{task.index}-{os.getpid()}").touch()
    return building.make_composites(task)


@pytest.mark.slow
def test_a_killed_worker_costs_one_shard(tmp_path, cluster):
    for seed in range(4):
        pools.write_pair(tmp_path / "train/foregrounds", f"{seed}", seed)
        pools.write_room(tmp_path / "train/backgrounds" / f"{seed}.jpg", seed)
    options = building.BuildOptions(count=8, size=64, shard=2, held_out=0.05)
    tasks = building.composite_tasks(tmp_path, options)
    made = dict(spread(dies_once, tasks, cluster=cluster.address))
    assert (tmp_path / "killed").exists()
    assert len(list(tmp_path.glob("tries-*"))) == len(tasks) == 4  # nothing was done twice
    here = {task: building.make_composites(task) for task in tasks}
    assert made == here


@pytest.mark.slow
def test_clips_are_cut_there_as_they_are_here(tmp_path, cluster):
    takes.write_scene(tmp_path, count=3)
    for name in "ab":
        takes.write_take(tmp_path / f"{name}.mkv", count=3)
    clips, plate = [str(tmp_path / f"{name}.mkv") for name in "ab"], str(tmp_path / "plate.png")
    options = ClipOptions(align=False, threads=1)
    for out, address in (("here", None), ("there", cluster.address)):
        tasks = plan_tasks(clips, plate, f"{tmp_path}/{out}/{{name}}.mkv", options)
        assert cut_clips(tasks, print, cluster=address) == 0
    for name in "ab":
        here, there = (tmp_path / out / f"{name}.mkv" for out in ("here", "there"))
        assert here.read_bytes() == there.read_bytes()
