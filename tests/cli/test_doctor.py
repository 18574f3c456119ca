"""``dofsim doctor`` and ``warmup``: what is found on a sound machine, and on a broken one."""

from __future__ import annotations

import importlib
import json
import pkgutil
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import dofsim as library
from dofsim import doctor, selftest
from dofsim import warmup as warming
from dofsim.errors import DofsimError
from dofsim.scene import Scene

ROOT = Path(__file__).resolve().parents[2]


def test_a_sound_machine_as_text_and_as_json(dofsim) -> None:
    result = dofsim("doctor")
    assert result.code == 0, result.err
    assert [line[:13].strip() for line in result.out.splitlines()] == list(doctor.THINGS)
    for words in (library.__version__, "numpy " + np.__version__, "hash right", "sharp parts unchanged"):
        assert words in result.out
    facts = json.loads(dofsim("doctor", "--json", "--quiet").out)
    assert facts["problems"] == []
    assert facts["processor"]["threads"] >= 1
    assert facts["kernel_cache"]["kept"] <= facts["kernel_cache"]["kernels"] == warming.NEEDED
    assert facts["self_test"]["seconds"] > 0
    assert facts["memory"]["free_bytes"] > 0
    assert len(facts["estimator"]["sha256"]) == 64


def test_damaged_weights_are_named_with_a_remedy(dofsim, tmp_path, monkeypatch) -> None:
    from dofsim.depth import registry

    for path in registry.WEIGHTS_FOLDER.glob("estimator.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with (tmp_path / "estimator.onnx").open("ab") as file:
        file.write(b"\0")
    monkeypatch.setattr(registry, "WEIGHTS_FOLDER", tmp_path)
    result = dofsim("doctor")
    assert result.code == 6
    assert "estimator     broken" in result.out
    assert result.complaint.startswith("error: estimator: ")
    assert "reinstall dofsim" in result.complaint
    assert "sharp parts unchanged" in result.out


def test_a_missing_library_and_a_bad_setting(dofsim, monkeypatch) -> None:
    monkeypatch.setitem(doctor.LIBRARIES, "no-such-thing", "no_such_thing")
    result = dofsim("doctor", "--quiet")
    assert (result.code, result.out) == (7, "")
    assert "pip install no-such-thing" in result.complaint
    monkeypatch.delitem(doctor.LIBRARIES, "no-such-thing")
    monkeypatch.setenv("DOFSIM_THREADS", "many")
    result = dofsim("doctor")
    assert result.code == 2
    assert "DOFSIM_THREADS" in result.err


def test_no_place_for_kernels(dofsim, monkeypatch) -> None:
    def nowhere() -> None:
        raise RuntimeError("cannot cache function 'sweep': no locator available for file 'x.py'")

    monkeypatch.setattr(warming, "kept_in", nowhere)
    result = dofsim("doctor")
    assert result.code == 1
    assert "set NUMBA_CACHE_DIR" in result.complaint
    result = dofsim("warmup")
    assert result.code == 5
    assert "set NUMBA_CACHE_DIR" in result.complaint


@pytest.mark.parametrize("damage", ["sharp", "dim"])
def test_the_self_test_sees_a_wrong_picture(monkeypatch, damage: str) -> None:
    render = Scene.render

    def wrong(scene: Scene, *arguments, **options):
        photo = render(scene, *arguments, **options)
        pixels = photo.pixels.copy()
        if damage == "sharp":
            pixels[3, 3] ^= 1
        else:
            pixels[:, 90:] = pixels[:, 90:] * 0.9
        return replace(photo, pixels=pixels)

    monkeypatch.setattr(Scene, "render", wrong)
    with pytest.raises(DofsimError, match="in focus has changed" if damage == "sharp" else "of a point is"):
        selftest.self_test()


def test_every_library_and_extra_is_asked_after() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {line.split(">")[0] for line in project["dependencies"]} == set(doctor.LIBRARIES)
    extras = project["optional-dependencies"]
    assert set(doctor.EXTRAS) == set(extras) - {"all", "test", "dev", "docs"}
    for extra, distribution in doctor.EXTRAS.items():
        assert any(line.startswith(distribution) for line in extras[extra]), extra


def test_every_kept_kernel_is_warmed() -> None:
    import numba
    from numba.core.registry import CPUDispatcher

    if numba.config.DISABLE_JIT:
        pytest.skip("nothing is compiled with NUMBA_DISABLE_JIT=1")
    kept = set()
    for info in pkgutil.walk_packages(library.__path__, "dofsim."):
        if not info.name.rsplit(".", 1)[1].startswith("_") or info.name.startswith(("dofsim.datasets", "dofsim.__")):
            continue
        if info.name.startswith("dofsim.pix2pix"):
            continue
        for name, value in vars(importlib.import_module(info.name)).items():
            if isinstance(value, CPUDispatcher) and value.stats.cache_path and value.__module__ == info.name:
                kept.add(f"{info.name}.{name}")
    assert kept == set(warming.KERNELS)


def test_warming_up_says_what_it_did(dofsim) -> None:
    dofsim("warmup", "--quiet")
    result = dofsim("warmup")
    assert result.code == 0, result.err
    assert result.out.startswith("0 kernels compiled, ")
    assert "note: kept in " in result.err
