"""A data set built on a Ray cluster of two nodes, one of whose workers is killed in the middle."""

import os
import signal
from pathlib import Path

import pytest

import pools
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
