"""Configurations as they are stored in a run: read back, and compared."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from dofsim.errors import ModelError
from dofsim.formats import check_format
from dofsim.pix2pix.config import FORMAT, RunConfig

#: Checkpoints of a run: what the rest of it depends on, and the averaged generator of the best validation.
LAST, BEST = "last.safetensors", "best.safetensors"
#: Settings that may change when a run is taken up again: they decide how long and how fast it goes, not what it learns,
#: and whether a frame that cannot be used is the end of it.
FREE = frozenset({"steps", "threads", "workers", "save_every", "log_every", "patience", "data.root", "data.skip_bad"})

_Data = TypeVar("_Data")


def parse(text: str, origin: str = "the configuration") -> RunConfig:
    """Read a configuration back from :meth:`RunConfig.to_json`.

    Parameters
    ----------
    text : str
        JSON.
    origin : str
        What to call it in an error.

    Raises
    ------
    ModelError
        If it is none, or of a version that this release does not know.
    """
    try:
        stored = json.loads(text)
        check_format(stored.pop("format"), FORMAT, origin, ModelError)
        config = _build(RunConfig, stored)
        config.check()
    except ModelError:
        raise
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise ModelError(f"{origin} is no configuration of a training run: {error}") from error
    return config


def read_config(run: str | Path) -> RunConfig:
    """Configuration of a run folder.

    Raises
    ------
    ModelError
        If there is none, or it cannot be read.
    """
    path = Path(run) / "config.json"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ModelError(f"{run} is no run of `dofsim train`: it has no readable config.json") from error
    return parse(text, str(path))


def has_learnt(run: str | Path) -> bool:
    """Whether a folder holds any weights of a run; a configuration alone is only an attempt."""
    return any((Path(run) / name).exists() for name in (LAST, BEST))


def differences(first: RunConfig, second: RunConfig) -> list[str]:
    """Dotted names of the settings in which two configurations differ."""
    return sorted(_differences(asdict(first), asdict(second)))


def _differences(first: Mapping[str, Any], second: Mapping[str, Any], prefix: str = "") -> list[str]:
    found = []
    for name, value in first.items():
        if isinstance(value, Mapping):
            found += _differences(value, second[name], f"{prefix}{name}.")
        elif value != second[name]:
            found.append(prefix + name)
    return found


def _build(kind: type[_Data], stored: Mapping[str, Any]) -> _Data:
    """A dataclass from JSON values: lists become tuples, objects become the dataclasses that stand there."""
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(stored) - {item.name for item in fields(kind)})  # type: ignore[arg-type]
    if unknown:
        raise ValueError(f"unknown setting {unknown[0]!r}")
    values: dict[str, Any] = {}
    for name, value in stored.items():
        hint = hints[name]
        if is_dataclass(hint):
            values[name] = _build(typing.cast("type[Any]", hint), value)
        elif typing.get_origin(hint) is tuple:
            values[name] = tuple(value)
        else:
            wanted = str if typing.get_origin(hint) is Literal else hint
            if typing.get_origin(hint) is types.UnionType:
                wanted = next(part for part in typing.get_args(hint) if part is not type(None))
            if value is None and wanted is not hint:
                values[name] = None
            elif wanted is float and type(value) is int:
                values[name] = float(value)
            elif type(value) is wanted:
                values[name] = value
            else:
                raise TypeError(f"{name} is {value!r}, not a {wanted.__name__}")
    return kind(**values)
