"""``python -m tests.soak.cache`` notices what it is for; what it does is tested in small in ``tests/test_kept.py``."""

from __future__ import annotations

from typing import Any

import pytest

from tests.soak.cache import judge

Said = dict[str, list[dict[str, Any]]]
STEPS = ("warm race", "another processor again", "back home", "damaged .nbi", "after damaged .nbi")


def _said() -> Said:
    once = {"compiled": 2, "loaded": 0, "picture": [[[7, 7, 7]]]}
    kept = {**once, "compiled": 0, "loaded": 2}
    said: Said = {"cold race": [dict(once), dict(once)], "another processor": [dict(once)]}
    for name in STEPS:
        said[name] = [dict(kept)]
    said["another processor"][0]["picture"] = [[[8, 7, 7]]]
    return said


def test_what_is_as_it_should_be() -> None:
    assert judge(_said()) == []


@pytest.mark.parametrize(
    ("name", "key", "value", "finding"),
    [
        ("warm race", "compiled", 1, "warm race: 1 kernels are compiled again"),
        ("back home", "picture", [[[8, 7, 7]]], "back home: another picture"),
        ("another processor", "picture", [[[9, 7, 7]]], "another processor: another picture"),
        ("another processor", "compiled", 0, "another processor: takes kernels that are not for it"),
        ("damaged .nbi", "error", "EOFError", "damaged .nbi: EOFError"),
    ],
)
def test_what_is_not(name: str, key: str, value: object, finding: str) -> None:
    said = _said()
    said[name][0][key] = value
    assert judge(said) == [finding]
