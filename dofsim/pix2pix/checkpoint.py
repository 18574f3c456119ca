"""The files of a run: safetensors, each written whole or not at all.

``last.safetensors`` holds everything that the rest of the run depends on, ``best.safetensors`` the averaged generator
alone. Both carry the configuration in their metadata.

Names in ``last.safetensors``: ``network/NAME/TENSOR``, ``average/TENSOR``, ``optimiser/NAME/NUMBER/STATE`` and
``memory/NAME``.
"""

from __future__ import annotations

import json
import pickle
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dofsim.errors import ModelError, OutputError
from dofsim.files import atomic_path
from dofsim.pix2pix._torch import require
from dofsim.pix2pix.config import RunConfig
from dofsim.pix2pix.stored import BEST, LAST, parse

require("torch", "safetensors")

import torch  # noqa: E402
from safetensors import SafetensorError, safe_open  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from dofsim.pix2pix.learner import Learner  # noqa: E402


@dataclass
class Progress:
    """Where a run stands.

    Attributes
    ----------
    step : int
        Steps that are done.
    best : float
        Error of the best validation so far.
    stale : int
        Validations since then.
    """

    step: int = 0
    best: float = float("inf")
    stale: int = 0


def save_tensors(path: str | Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> Path:
    """Write a safetensors file; a kill or a full disk leaves the former one in place.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    path = Path(path)
    # A copy for each: the format refuses tensors that share memory or are not contiguous.
    plain = {name: value.detach().to("cpu", copy=True).contiguous() for name, value in tensors.items()}
    with atomic_path(path) as temporary:
        mode = temporary.stat().st_mode
        try:
            save_file(plain, temporary, metadata)
            # safetensors makes a file of its own that only its owner can read.
            temporary.chmod(mode & 0o777)
        except (SafetensorError, RuntimeError) as error:
            raise OutputError(f"the checkpoint {path} cannot be written: {error}") from error
    return path


def load_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file of a run: its tensors and its metadata.

    Raises
    ------
    ModelError
        If it is missing, broken, or not of a run.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as stored:
            metadata = stored.metadata() or {}
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"{path} is no readable checkpoint ({reason})") from error
    if "config" not in metadata:
        raise ModelError(f"{path} is no checkpoint of `dofsim train`: it carries no configuration")
    return tensors, metadata


def save_state(path: str | Path, learner: Learner, progress: Progress, memory: dict[str, Tensor]) -> Path:
    """Write everything that the rest of a run depends on.

    Parameters
    ----------
    path : path
    learner : Learner
    progress : Progress
    memory : dict
        The learner's memory, of all processes.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    tensors = {
        f"network/{name}/{key}": value
        for name, network in learner.networks.items()
        for key, value in network.state_dict().items()
    }
    if learner.average.decay:
        tensors |= {f"average/{key}": value for key, value in learner.average.weights.items()}
    for name, optimiser in learner.optimisers.items():
        for number, state in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{name}/{number}/{key}": torch.as_tensor(value) for key, value in state.items()}
    tensors |= {f"memory/{name}": value for name, value in memory.items()}
    return save_tensors(path, tensors, {"config": learner.config.to_json(), "progress": json.dumps(vars(progress))})


def load_state(path: str | Path, learner: Learner) -> tuple[Progress, dict[str, Tensor]]:
    """Take up a saved state, before :meth:`~dofsim.pix2pix.learner.Learner.prepare`.

    Returns
    -------
    progress : Progress
    memory : dict
        Of all processes.

    Raises
    ------
    ModelError
        If the file cannot be read or belongs to other networks.
    """
    tensors, metadata = load_tensors(path)
    parts: dict[str, dict[str, Tensor]] = {}
    for full, value in tensors.items():
        kind, _, rest = full.partition("/")
        parts.setdefault(kind, {})[rest] = value
    for name, network in learner.networks.items():
        fill(network, _under(parts.get("network", {}), name), str(path))
    try:
        if learner.average.decay:
            learner.average.begin()
            for key, value in parts.get("average", {}).items():
                learner.average.weights[key].copy_(value)
        for name, optimiser in learner.optimisers.items():
            _fill_optimiser(optimiser, _under(parts.get("optimiser", {}), name))
    except (KeyError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"{path} belongs to another architecture: its average or its optimiser does not fit the networks"
        ) from error
    try:
        progress = Progress(**json.loads(metadata["progress"]))
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path} does not say where its run stands: {error}") from error
    return progress, parts.get("memory", {})


def fill(network: nn.Module, weights: dict[str, Tensor], origin: str) -> None:
    """Load weights, or say in one sentence that they are another architecture's.

    Raises
    ------
    ModelError
    """
    own = network.state_dict()
    for name, value in own.items():
        if name not in weights:
            raise ModelError(f"{origin} belongs to another architecture: it has no tensor {name}")
        if weights[name].shape != value.shape:
            raise ModelError(
                f"{origin} belongs to another architecture: its {name} is {tuple(weights[name].shape)}, "
                f"not {tuple(value.shape)}"
            )
    strange = sorted(set(weights) - set(own))
    if strange:
        raise ModelError(f"{origin} belongs to another architecture: it has a tensor {strange[0]} besides")
    network.load_state_dict(weights)


def generator_weights(path: str | Path) -> tuple[dict[str, Tensor], RunConfig]:
    """Averaged generator and configuration of a run folder (its best, else its last) or of one of its files.

    Raises
    ------
    ModelError
        If there is none.
    """
    path = Path(path)
    if path.is_dir():
        found = [path / name for name in (BEST, LAST) if (path / name).is_file()]
        if not found:
            raise ModelError(f"{path} holds no checkpoint yet: neither {BEST} nor {LAST}")
        path = found[0]
    tensors, metadata = load_tensors(path)
    config = parse(metadata["config"], f"the configuration in {path}")
    for prefix in ("average/", "network/generator/"):
        weights = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        if weights:
            return weights, config
    return tensors, config


def start_weights(path: str | Path) -> dict[str, Tensor]:
    """Weights to start or to average from: a run, one of its files, or a ``.pt`` file of dofsim 0.1's trainer.

    Raises
    ------
    ModelError
        If there are none.
    """
    path = Path(path)
    if path.suffix != ".pt":
        return generator_weights(path)[0]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, of files that others wrote
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # torch's own words advise to load it without this care
        raise ModelError(
            f"{path} is no readable checkpoint: it is broken, or holds more than tensors, which is never run"
        ) from error
    except Exception as error:  # torch raises many kinds for a broken file
        raise ModelError(f"{path} is no readable checkpoint: {(str(error) or repr(error)).splitlines()[0]}") from error
    weights = state.get("average") if isinstance(state, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise ModelError(f"{path} is no readable checkpoint: it has no tensors under the name 'average'")
    return weights


def _under(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{name}/"): value for key, value in tensors.items() if key.startswith(f"{name}/")}


def _fill_optimiser(optimiser: Any, tensors: dict[str, Tensor]) -> None:
    own = optimiser.state_dict()
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for full, value in tensors.items():
        number, _, key = full.partition("/")
        index = int(number)
        if not 0 <= index < len(parameters) or (value.ndim and value.shape != parameters[index].shape):
            raise ValueError(full)
        # In the parameter's own layout: the next step shall add up in the same order as without a stop.
        state.setdefault(index, {})[key] = torch.empty_like(parameters[index]).copy_(value) if value.ndim else value
    if len({frozenset(each) for each in state.values()}) > 1:
        raise ValueError("parameters whose state is not of one kind")
    optimiser.load_state_dict({"state": state, "param_groups": own["param_groups"]})
