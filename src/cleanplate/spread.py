"""Many independent tasks: one after another, in processes, or on the machines of a Ray cluster.

The same function does the work everywhere. A task writes its own file, whole or not at all, so
that one which is lost is simply done again.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from importlib.util import find_spec
from multiprocessing import get_context
from typing import Any, TypeVar

from cleanplate.errors import CleanplateError, DeviceError, MissingExtraError

Task = TypeVar("Task")
Result = TypeVar("Result")

TRIES = 3  # further ones, for a task whose machine or process died


def spread(
    work: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    cluster: str | None = None,
    workers: int = 1,
) -> Iterator[tuple[Task, Result]]:
    """Do `work` for every task and give each with its result as it is done, in any order.

    work: a function of a module, whose tasks and results can be pickled. cluster: address of a Ray
    cluster (`auto` for the one this machine belongs to, or host:port), or None for
    this machine with so many processes.
    Raises MissingExtraError without Ray, DeviceError where no cluster answers or workers die again
    and again, and whatever CleanplateError `work` raises.
    """
    if cluster is not None:
        yield from _on_cluster(work, tasks, cluster)
    elif workers > 1 and len(tasks) > 1:
        yield from _in_processes(work, tasks, workers)
    else:
        for task in tasks:
            yield task, work(task)


def _in_processes(
    work: Callable[[Task], Result], tasks: Sequence[Task], workers: int
) -> Iterator[tuple[Task, Result]]:
    # Spawned: a fork in the middle of OpenCV's threads may hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(work, task): task for task in tasks}
        try:
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        except BrokenProcessPool as problem:
            raise DeviceError(
                "A worker process died (out of memory?): what is done is kept, give the same "
                "command again, with fewer --workers if it repeats."
            ) from problem
        finally:
            pool.shutdown(cancel_futures=True)


def _on_cluster(
    work: Callable[[Task], Result], tasks: Sequence[Task], address: str
) -> Iterator[tuple[Task, Result]]:
    ray = _connected(address)
    remote = ray.remote(num_cpus=1, max_retries=TRIES)(work)
    waiting = {remote.remote(task): task for task in tasks}
    try:
        while waiting:
            (done,), _ = ray.wait(list(waiting), num_returns=1)
            task = waiting.pop(done)
            try:
                yield task, ray.get(done)
            except ray.exceptions.RayTaskError as problem:
                cause = problem.cause
                raise (cause if isinstance(cause, CleanplateError) else problem) from problem
            except ray.exceptions.RayError as problem:
                raise DeviceError(
                    f"A task was lost {TRIES + 1} times with its worker: what is done is kept, "
                    "look at the machines and give the same command again."
                ) from problem
    finally:
        for lost in waiting:
            ray.cancel(lost, force=True)


def _connected(address: str) -> Any:
    """Return the module `ray`, connected; a connection that is there already is used."""
    if find_spec("ray") is None:
        raise MissingExtraError(
            "--cluster needs Ray, which is not installed; run: pip install 'cleanplate[cluster]'"
        )
    import ray

    if not ray.is_initialized():
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError, AssertionError) as problem:
            raise DeviceError(
                f"No Ray cluster answers at {address}: start one with `ray start --head` and give "
                "its address, or leave --cluster out."
            ) from problem
    return ray
