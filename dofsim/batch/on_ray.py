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
_PATIENCE_S = 600.0
"""How long a cluster may have no place for any actor, as when its nodes are still being started."""


class _Actor:
    """What runs in a process of the cluster."""

    def __init__(self, recipe: dict[str, Any], depth_cache: str | None) -> None:
        self._bench = Bench(recipe, depth_cache)
        self._bench.warm_up()

    def begin(self) -> None:
        """Return as soon as it is warm."""

    def work(self, jobs: list[tuple[str, str]]) -> Iterator[Row]:
        """Do some jobs; their rows come as they end."""
        yield from rows_of(self._bench, (Job(*job) for job in jobs))


class _Crew:
    """Actors, the calls that they are at, and the jobs that are to be tried again.

    An actor is given jobs only once it has begun: one that finds no place, because its node is gone, would hold them
    for ever.
    """

    def __init__(self, ray: Any, workers: int, start: tuple[dict[str, Any], str | None]) -> None:
        self._ray = ray
        self._start = start
        self._kind = ray.remote(num_cpus=1, max_restarts=0)(_Actor)
        self._calls: dict[Any, tuple[Any, deque[Job]]] = {}
        self._coming: dict[Any, Any] = {}
        self._free: list[Any] = []
        self._next: list[Job] = []
        self._again: deque[Job] = deque()
        self._tries: dict[str, int] = {}
        self._lost_in_a_row = 0
        self._dropped: set[str] = set()
        for _ in range(workers):
            self._hire()

    def run(self, jobs: Iterator[Job]) -> Iterator[Row]:
        """Do the jobs; a row for each, in the order in which they end."""
        while self._share_out(jobs) or self._calls:
            ready, _ = self._ray.wait(
                [*self._calls, *self._coming], num_returns=1, timeout=_PATIENCE_S, fetch_local=False
            )
            if ready and ready[0] in self._coming:
                self._begun(ready[0])
            elif ready:
                yield from self._heard(ready[0])
            elif not self._calls:
                raise DofsimError(
                    f"no node of the cluster has had a place for a worker for {_PATIENCE_S / 60:.0f} min; "
                    "add nodes, and go on (--resume)"
                )
        store.tidy(self._dropped)

    def _begun(self, ready: Any) -> None:
        actor = self._coming.pop(ready)
        try:
            self._ray.get(ready)
        except self._ray.exceptions.RayActorError as error:
            self._replace(actor, error)
        else:
            self._free.append(actor)

    def _heard(self, call: Any) -> Iterator[Row]:
        actor, held = self._calls[call]
        try:
            row = self._ray.get(next(call))
        except StopIteration:
            del self._calls[call]
            self._free.append(actor)
        except self._ray.exceptions.RayActorError as error:
            del self._calls[call]
            self._replace(actor, error)
            yield from self._lost(held)
        else:
            self._lost_in_a_row = 0
            job = held.popleft()
            told = {"source": job.source, "output": job.output, "tries": self._tries.pop(job.source, 0) + 1}
            yield {**row, **told}

    def _share_out(self, jobs: Iterator[Job]) -> bool:
        """Give free actors work; whether there is some left that nobody has."""
        while True:
            self._next = self._next or list(_some(jobs, _AT_A_TIME))
            if not self._free or not (self._again or self._next):
                return bool(self._again or self._next)
            # What cost an actor its life goes alone, so that it takes nothing else with it.
            if self._again:
                given = [self._again.popleft()]
            else:
                given, self._next = self._next, []
            actor = self._free.pop()
            places = [(_everywhere(job.source), _everywhere(job.output)) for job in given]
            call = actor.work.options(num_returns="streaming").remote(places)
            self._calls[call] = (actor, deque(given))

    def _replace(self, actor: Any, error: BaseException) -> None:
        # It may only be out of reach, and must not do what another one is given now.
        self._ray.kill(actor)
        self._lost_in_a_row += 1
        if self._lost_in_a_row > STILLBORN * (1 + len(self._calls) + len(self._free) + len(self._coming)):
            raise DofsimError(
                f"the actors end before they have done anything ({store.reason(error)}); "
                "see whether it works on one machine (--engine local)"
            ) from error
        self._hire()

    def _lost(self, held: deque[Job]) -> Iterator[Row]:
        for index, job in enumerate(held):
            self._dropped.add(_everywhere(job.output))
            # Those further behind had not been begun.
            tries = self._tries.get(job.source, 0) + (index < IN_FLIGHT)
            if tries < TRIES:
                self._tries[job.source] = tries
                self._again.append(job)
            else:
                self._tries.pop(job.source, None)
                yield lost_row(job, tries, "killed")

    def _hire(self) -> None:
        actor = self._kind.remote(*self._start)
        self._coming[actor.begin.remote()] = actor


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
            _join(ray, settings, environment)
        crew = _Crew(ray, workers or int(ray.cluster_resources().get("CPU", 1)), (recipe, depth_cache))
        yield from crew.run(iter(jobs))
    except (ConnectionError, ray.exceptions.RayError) as error:
        raise _unusable(error) from error
    finally:
        if started:
            ray.shutdown()


def _join(ray: Any, settings: dict[str, Any], environment: dict[str, str]) -> None:
    try:
        ray.init(
            **settings, include_dashboard=False, log_to_driver=False, logging_level="ERROR",
            runtime_env={"env_vars": environment},
        )  # fmt: skip
    except Exception as error:
        # A node that does not start in time is a plain Exception of Ray's.
        raise _unusable(error) from error


def _unusable(error: BaseException) -> DofsimError:
    # Ray tells the traceback first and the error last.
    told = str(error).strip().splitlines()[-1:] or [type(error).__name__]
    return DofsimError(
        f"the Ray cluster cannot be used ({told[0].rstrip('.')}); name one that runs (--address HOST:PORT), "
        "or do without (--engine local)"
    )


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
