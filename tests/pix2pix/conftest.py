"""What the tests of training share."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def toy():
    """The module ``toy.py`` beside this file."""
    for module in ("torch", "accelerate", "safetensors", "tensorboard"):
        pytest.importorskip(module, reason=f"{module} comes with dofsim[train]")
    spec = importlib.util.spec_from_file_location("toy", Path(__file__).with_name("toy.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules["toy"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _threads():
    """Leave torch's threads as they were."""
    if importlib.util.find_spec("torch") is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
