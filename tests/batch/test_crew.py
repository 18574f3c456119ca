"""What becomes of parcels whose actors are lost, with a Ray Data that is played here.

The real one, with real nodes, is in ``test_ray.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from dofsim.batch import on_ray
from dofsim.batch.places import Job
from dofsim.batch.work import IN_FLIGHT


class Crew(on_ray._Crew):
    """Two actors, of which one is lost at every job that ``dies``; what its parcel still holds gives no row."""

    def __init__(self, dies: Callable[[Job], bool] = lambda _: False) -> None:
        super().__init__(2, ({}, None), {})
        self.dies = dies
        self.parcels: list[list[Job]] = []

    def _rows(self, parcels: list[list[Job]]) -> Iterator[dict[str, Any]]:
        self.parcels += parcels
        for parcel in parcels:
            for job in parcel:
                if self.dies(job):
                    break
                yield {"source": job.source, "output": job.output, "status": "done"}


def jobs(count: int) -> Iterator[Job]:
    return (Job(f"/in/{index:03d}.png", f"/out/{index:03d}.dof.png") for index in range(count))


def test_what_was_lost_once_is_done_alone() -> None:
    died: list[Job] = []

    def once(job: Job) -> bool:
        if job.source != "/in/020.png" or died:
            return False
        died.append(job)
        return True

    crew = Crew(once)
    rows = list(crew.run(jobs(256)))
    assert sorted(row["source"] for row in rows) == [job.source for job in jobs(256)]
    assert {row["status"] for row in rows} == {"done"}
    tries = {int(row["source"][4:-4]): row["tries"] for row in rows}
    # Five had been begun; those behind them in the parcel had not.
    assert [number for number in tries if tries[number] == 2] == [*range(20, 20 + IN_FLIGHT)]
    assert [job.source[4:7] for parcel in crew.parcels if len(parcel) == 1 for job in parcel] == [
        f"{number:03d}" for number in range(20, 32)
    ]


def test_photos_that_cost_two_actors_their_life_are_reported() -> None:
    # The second lies so far behind the first that it was not begun with it, and has two tries of its own.
    fatal = {"/in/001.png", "/in/014.png"}
    rows = list(Crew(lambda job: job.source in fatal).run(jobs(256)))
    assert len(rows) == len({row["source"] for row in rows}) == 256
    failed = {row["source"]: row["tries"] for row in rows if row["status"] == "failed"}
    assert failed == dict.fromkeys(fatal, 2)


def test_few_photos_are_shared_out_evenly() -> None:
    crew = Crew()
    assert len(list(crew.run(jobs(24)))) == 24
    assert {len(parcel) for parcel in crew.parcels} == {3}


def test_photos_are_taken_from_the_list_as_they_are_needed(monkeypatch) -> None:
    monkeypatch.setattr(on_ray, "_WINDOW", 4096)
    taken: list[Job] = []
    rows = Crew().run(taken.append(job) or job for job in jobs(10_000))
    next(rows)
    assert len(taken) == 4096
    assert len(list(islice(rows, 4095))) == 4095
    assert len(taken) == 4096
    assert len(list(rows)) == 10_000 - 4096
