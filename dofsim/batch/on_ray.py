"""The same work on a Ray cluster: one warm actor per core, which reads and writes where the photos are."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from typing import Any

from dofsim.batch import store
from dofsim.batch.places import Job
from dofsim.batch.pool import PACKAGE_PATH, STILLBORN, TRIES, lost_row
from dofsim.batch.work import IN_FLIGHT, Bench, Row, rows_of
from dofsim.batch.worker import ONE_THREAD
from dofsim.errors import DofsimError, MissingExtraError

_AT_A_TIME = 16
"""Jobs that an actor is given in one call. Rows come one by one; between two calls the next photo is not read ahead."""


class _Actor:
    """What runs in a process of the cluster."""

    def __init__(self, recipe: dict[str, Any], depth_cache: str | None) -> None:
        self._bench = Bench(recipe, depth_cache)
        self._bench.warm_up()

    def work(self, jobs: list[tuple[str, str]]) -> Iterator[Row]:
        """Do some jobs; their rows come as they end."""
        yield from rows_of(self._bench, (Job(*job) for job in jobs))


class _Crew:
    """Actors, the calls that they are at, and the jobs that are to be tried again."""

    def __init__(self, ray: Any, workers: int, start: tuple[dict[str, Any], str | None]) -> None:
        self._ray = ray
        self._start = start
        self._kind = ray.remote(num_cpus=1, max_restarts=0)(_Actor)
        self._calls: dict[Any, tuple[Any, deque[Job]]] = {}
        self._free = [self._hire() for _ in range(workers)]
        self._again: deque[Job] = deque()
        self._tries: dict[str, int] = {}
        self._lost_in_a_row = 0

    def run(self, jobs: Iterator[Job]) -> Iterator[Row]:
        """Do the jobs; a row for each, in the order in which they end."""
        while True:
            self._share_out(jobs)
            if not self._calls:
                return
            (ready, *_), _ = self._ray.wait(list(self._calls), num_returns=1, fetch_local=False)
            actor, held = self._calls[ready]
            try:
                row = self._ray.get(next(ready))
            except StopIteration:
                del self._calls[ready]
                self._free.append(actor)
            except self._ray.exceptions.RayActorError as error:
                del self._calls[ready]
                yield from self._lost(held, error)
            else:
                self._lost_in_a_row = 0
                job = held.popleft()
                told = {"source": job.source, "output": job.output, "tries": self._tries.pop(job.source, 0) + 1}
                yield {**row, **told}

    def _share_out(self, jobs: Iterator[Job]) -> None:
        while self._free:
            # What cost an actor its life goes alone, so that it takes nothing else with it.
            given = [self._again.popleft()] if self._again else list(_some(jobs, _AT_A_TIME))
            if not given:
                return
            actor = self._free.pop()
            places = [(_everywhere(job.source), _everywhere(job.output)) for job in given]
            call = actor.work.options(num_returns="streaming").remote(places)
            self._calls[call] = (actor, deque(given))

    def _lost(self, held: deque[Job], error: BaseException) -> Iterator[Row]:
        self._lost_in_a_row += 1
        if self._lost_in_a_row > STILLBORN * max(1, len(self._calls) + len(self._free)):
            raise DofsimError(f"the actors end before they have done anything ({store.reason(error)})") from error
        for index, job in enumerate(held):
            # Those further behind had not been begun.
            tries = self._tries.get(job.source, 0) + (index < IN_FLIGHT)
            if tries < TRIES:
                self._tries[job.source] = tries
                self._again.append(job)
            else:
                self._tries.pop(job.source, None)
                yield lost_row(job, tries, "killed")
        self._free.append(self._hire())

    def _hire(self) -> Any:
        return self._kind.remote(*self._start)


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
        If the cluster cannot be reached, or actors end before they have done anything.
    """
    ray = _require_ray()
    started = not ray.is_initialized()
    environment = dict(ONE_THREAD)
    alone = address is None and not os.environ.get("RAY_ADDRESS")
    if alone:
        environment["PYTHONPATH"] = PACKAGE_PATH
    settings: dict[str, Any] = {"num_cpus": workers} if alone else {"address": address}
    try:
        if started:
            ray.init(
                **settings, include_dashboard=False, log_to_driver=False, logging_level="ERROR",
                runtime_env={"env_vars": environment},
            )  # fmt: skip
        crew = _Crew(ray, workers or int(ray.cluster_resources().get("CPU", 1)), (recipe, depth_cache))
        yield from crew.run(iter(jobs))
    except (ConnectionError, ray.exceptions.RayError) as error:
        # Ray tells the traceback first and the error last.
        told = str(error).strip().splitlines()[-1:] or [type(error).__name__]
        raise DofsimError(f"the Ray cluster cannot be used ({told[0]})") from error
    finally:
        if started:
            ray.shutdown()


def _require_ray() -> Any:
    # Ray counts its users over the network unless it is told not to.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError(
            "--engine ray takes Ray, which is not installed; pip install 'dofsim[cluster]' brings it"
        ) from error
    return ray


def _some(jobs: Iterator[Job], most: int) -> Iterator[Job]:
    for _ in range(most):
        job = next(jobs, None)
        if job is None:
            return
        yield job


def _everywhere(place: str) -> str:
    return place if store.is_url(place) else os.path.abspath(place)  # noqa: PTH100 - keeps links as they are
