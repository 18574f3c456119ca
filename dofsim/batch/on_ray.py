"""The same work on Ray Data: one warm actor per core of a cluster, which reads and writes where the photos are."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import warnings
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from typing import Any

from dofsim.batch import store
from dofsim.batch.places import Job
from dofsim.batch.pool import PACKAGE_PATH, TRIES, lost_row
from dofsim.batch.work import IN_FLIGHT, Bench, Row, rows_of
from dofsim.batch.worker import ONE_THREAD
from dofsim.errors import DofsimError, MissingExtraError

_AT_A_TIME = 16
"""Jobs in a parcel, which an actor does in one task. Between two parcels the next photo is not read ahead."""
_WINDOW = 1 << 16
"""Jobs that Ray Data is given at once; of a large cluster, so many that each actor gets 1,024."""
_PATIENCE_S = 600.0
"""How long no photo may end, as when no node has a place for an actor."""
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
}


class _Worker:
    """What runs in a process of the cluster."""

    def __init__(self, recipe: dict[str, Any], depth_cache: str | None) -> None:
        self._bench = Bench(recipe, depth_cache)
        self._bench.warm_up()

    def __call__(self, parcel: dict[str, str]) -> Iterator[dict[str, str]]:
        """Do the jobs of a parcel; their rows come as they end."""
        for row in rows_of(self._bench, (Job(*places) for places in json.loads(parcel["jobs"]))):
            yield {"row": json.dumps(row)}


class _Crew:
    """Actors that are given parcels, and how often each job has been begun.

    Ray Data begins a lost actor anew and gives it no parcel before it has. A parcel whose actor was lost is not done
    anew as a whole (its rows up to there have been heard): what is missing of it is.
    """

    def __init__(self, workers: int, start: tuple[dict[str, Any], str | None], environment: dict[str, str]) -> None:
        self._workers = workers
        self._start = start
        self._environment = environment
        self._tries: Counter[Job] = Counter()

    def run(self, jobs: Iterable[Job]) -> Iterator[Row]:
        """Do the jobs; a row for each, in the order in which they end."""
        coming = iter(jobs)
        again: list[Job] = []
        while window := list(islice(coming, max(_WINDOW, 1024 * self._workers))):
            # Small ones where there are few, so that all actors end at about the same time.
            size = max(1, min(_AT_A_TIME, len(window) // (4 * self._workers)))
            again += yield from self._do([window[at : at + size] for at in range(0, len(window), size)])
        while again:
            # What cost an actor its life goes alone, so that it takes nothing else with it.
            again = yield from self._do([[job] for job in again])

    def _do(self, parcels: list[list[Job]]) -> Generator[Row, None, list[Job]]:
        """Do parcels; returns the jobs to be tried again."""
        held = {_everywhere(job.output): job for parcel in parcels for job in parcel}
        for row in self._rows(parcels):
            job = held.pop(row["output"])
            yield {**row, "source": job.source, "output": job.output, "tries": self._tries.pop(job, 0) + 1}
        store.tidy(held)
        lost = set(held.values())
        again = []
        for parcel in parcels:
            for index, job in enumerate(job for job in parcel if job in lost):
                # Those further behind had not been begun.
                self._tries[job] += index < IN_FLIGHT
                if self._tries[job] < TRIES:
                    again.append(job)
                else:
                    yield lost_row(job, self._tries.pop(job), "killed")
        return again

    def _rows(self, parcels: list[list[Job]]) -> Iterator[Row]:
        from ray import data

        told = [
            {"jobs": json.dumps([(_everywhere(job.source), _everywhere(job.output)) for job in parcel])}
            for parcel in parcels
        ]
        actors = data.ActorPoolStrategy(size=min(self._workers, len(parcels)), max_tasks_in_flight_per_actor=1)
        with warnings.catch_warnings():
            # Ray 2.64 will take max_task_retries away; dofsim[cluster] asks for an older one.
            warnings.simplefilter("ignore")
            work = data.from_items(told, override_num_blocks=len(told)).flat_map(
                _Worker, fn_constructor_args=self._start, compute=actors, num_cpus=1, max_task_retries=0,
                runtime_env={"env_vars": self._environment},
            )  # fmt: skip
        work.context.max_errored_blocks = -1
        # Every row is a block of its own, so that it is heard as soon as it is there.
        work.context.target_max_block_size = 1
        work.context.execution_no_progress_timeout_s = _PATIENCE_S
        for table in work.iter_batches(batch_size=None, prefetch_batches=0, batch_format="pyarrow"):
            yield from map(json.loads, table["row"].to_pylist())


def run_on_ray(
    jobs: Iterable[Job],
    recipe: dict[str, Any],
    depth_cache: str | None = None,
    workers: int | None = None,
    address: str | None = None,
) -> Generator[Row]:
    """Do jobs on a Ray cluster.

    Parameters
    ----------
    jobs : iterable of Job
        With places that every node sees: URLs, or paths of a file system that all share.
    recipe, depth_cache
        See :class:`dofsim.batch.work.Bench`.
    workers : int, optional
        Actors; default: one per core of the cluster.
    address : str, optional
        Of the cluster; default: the environment's ``RAY_ADDRESS``, else a new one on this machine.

    Yields
    ------
    dict
        A row for each job. A job whose actor was lost is tried once more, alone.

    Raises
    ------
    MissingExtraError
        If Ray is not installed.
    DofsimError
        If the cluster cannot be reached, actors cannot begin, or nothing ends any more.
    """
    ray = _require_ray()
    started = not ray.is_initialized()
    alone = address is None and not os.environ.get("RAY_ADDRESS")
    environment = {**ONE_THREAD, "PYTHONPATH": PACKAGE_PATH} if alone else ONE_THREAD
    try:
        if started:
            # "local": not one that happens to run here, which may be small, somebody else's, or about to end.
            _join(ray, {"address": "local", "num_cpus": workers} if alone else {"address": address})
        cores = int(ray.cluster_resources().get("CPU", 1))
        yield from _Crew(workers or cores, (recipe, depth_cache), environment).run(jobs)
    except ray.data.exceptions.ExecutionTimeoutError as error:
        raise DofsimError(
            f"no photo has ended on the cluster for {_PATIENCE_S / 60:.2g} min, perhaps because none of its nodes has "
            "a place for a worker; add nodes, and go on (--resume)"
        ) from error
    except (ConnectionError, ray.exceptions.RayError) as error:
        raise _unusable(error) from error
    finally:
        if started:
            ray.shutdown()


def _join(ray: Any, settings: dict[str, Any]) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(**settings, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    except Exception as error:
        # A node that does not start in time is a plain Exception of Ray's.
        raise _unusable(error) from error
    finally:
        # Ray puts one of its own in the place of that which ends a run in order.
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


def _unusable(error: BaseException) -> DofsimError:
    # Ray tells the traceback first and the error last.
    told = str(error).strip().splitlines()[-1:] or [type(error).__name__]
    return DofsimError(
        f"the Ray cluster cannot be used ({told[0].rstrip('.')}); name one that runs (--address HOST:PORT), "
        "or do without (--engine local)"
    )


def _require_ray() -> Any:
    # Ray counts its users over the network unless it is told not to, and mixes its own words with the progress.
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingExtraError(
            "--engine ray takes Ray Data, which is not installed; pip install 'dofsim[cluster]' brings it"
        ) from error
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    return ray


def _everywhere(place: str) -> str:
    return place if store.is_url(place) else os.path.abspath(place)  # noqa: PTH100 - keeps links as they are
