"""How photos are shared out among actors that come, die and find no place, with a Ray that is played here.

The real one, with real nodes, is in ``test_ray.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from dofsim.batch.on_ray import _Crew
from dofsim.batch.places import Job
from dofsim.errors import DofsimError


class LostError(Exception):
    """What Ray raises where an actor is gone."""


@dataclass(eq=False)
class Actor:
    """One that stands somewhere, or has found no place yet."""

    number: int
    placed: bool
    play: Stage
    heard: int = 0

    @property
    def begin(self) -> Any:
        return SimpleNamespace(remote=lambda: Begin(self))

    @property
    def work(self) -> Any:
        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=lambda jobs: Call(self, list(jobs))))


@dataclass(eq=False)
class Begin:
    actor: Actor


@dataclass(eq=False)
class Call:
    """Rows of an actor's jobs, until it dies of one."""

    actor: Actor
    jobs: list[tuple[str, str]]

    def __next__(self) -> dict[str, Any]:
        if not self.jobs:
            raise StopIteration
        source, output = self.jobs.pop(0)
        if self.actor.play.dies(self.actor, source):
            raise LostError(f"actor {self.actor.number} is gone")
        return {"source": source, "output": output, "status": "done", "worker": self.actor.number}


class Stage:
    """A Ray of a few places, whose actors die when ``dies`` says so."""

    exceptions = SimpleNamespace(RayActorError=LostError)

    def __init__(self, places: int, dies: Callable[[Actor, str], bool]) -> None:
        self.places, self.dies = places, dies
        self.hired: list[Actor] = []
        self.killed: list[Actor] = []

    def remote(self, **_: object) -> Callable[[type], Any]:
        return lambda _kind: SimpleNamespace(remote=self._hire)

    def _hire(self, *_: object) -> Actor:
        self.hired.append(Actor(len(self.hired), len(self.hired) < self.places, self))
        return self.hired[-1]

    def wait(self, waiting: list[Any], **_: object) -> tuple[list[Any], list[Any]]:
        ready = sorted((each for each in waiting if each.actor.placed), key=lambda each: each.actor.heard)
        for each in ready[:1]:
            each.actor.heard += 1
        return ready[:1], [each for each in waiting if each not in ready[:1]]

    def get(self, thing: Any) -> Any:
        return None if isinstance(thing, Begin) else thing

    def kill(self, actor: Actor) -> None:
        self.killed.append(actor)


def jobs(count: int) -> Iterator[Job]:
    return (Job(f"/in/{index}.png", f"/out/{index}.dof.png") for index in range(count))


def test_an_actor_without_a_place_holds_no_photo() -> None:
    stage = Stage(2, lambda _, source: source.endswith("/20.png") and not stage.killed)
    rows = list(_Crew(stage, 2, ({}, None)).run(jobs(60)))
    assert sorted(int(row["source"][4:-4]) for row in rows) == list(range(60))
    assert len(stage.hired) == 3
    assert len(stage.killed) == 1
    assert all(row["status"] == "done" for row in rows)
    tries = {int(row["source"][4:-4]): row["tries"] for row in rows}
    assert tries[20] == 2
    assert tries[0] == tries[59] == 1


def test_a_photo_that_costs_two_actors_their_life_is_reported() -> None:
    stage = Stage(9, lambda _, source: source.endswith("/7.png"))
    rows = list(_Crew(stage, 2, ({}, None)).run(jobs(40)))
    assert len(rows) == len({row["source"] for row in rows}) == 40
    (failed,) = (row for row in rows if row["status"] == "failed")
    assert (failed["source"], failed["tries"]) == ("/in/7.png", 2)


def test_a_cluster_that_is_gone_or_never_works_is_one_sentence() -> None:
    gone = Stage(1, lambda _, source: source.endswith("/3.png"))
    with pytest.raises(DofsimError, match="--resume"):
        list(_Crew(gone, 1, ({}, None)).run(jobs(9)))
    broken = Stage(99, lambda *_: True)
    with pytest.raises(DofsimError, match="--engine local"):
        list(_Crew(broken, 2, ({}, None)).run(jobs(9)))
