"""How fast the networks learn: groups of parameters, the rate over time, and the averaged generator."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from dofsim.pix2pix._torch import require

require("torch")

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from dofsim.pix2pix.config import OptimiserConfig  # noqa: E402


def adam(networks: Iterable[nn.Module], rate: float, config: OptimiserConfig, *, encoder: bool = False) -> Any:
    """Adam with decoupled weight decay over the parameters of some networks.

    Parameters
    ----------
    networks : iterable of torch.nn.Module
    rate : float
        Peak learning rate, kept as ``peak`` in every group.
    config : OptimiserConfig
    encoder : bool
        Parameters named ``encoder.*`` learn at ``config.encoder_rate``; those that are frozen are left out.

    Returns
    -------
    torch.optim.AdamW
        Vectors (biases, scales of normalisation) have no decay; without decay it is Adam.
    """
    groups: list[dict[str, Any]] = []
    named = [(name, p) for network in networks for name, p in network.named_parameters() if p.requires_grad]
    for inside in (True, False):
        for decayed in (True, False):
            chosen = [
                p for name, p in named
                if (encoder and name.startswith("encoder.")) == inside and (p.ndim > 1) == decayed
            ]  # fmt: skip
            if chosen:
                peak = config.encoder_rate if inside else rate
                decay = config.decay if decayed else 0.0
                groups.append({"params": chosen, "lr": peak, "peak": peak, "weight_decay": decay})
    return torch.optim.AdamW(groups, betas=(config.beta1, config.beta2))


def learning_rate_factor(step: int, steps: int, config: OptimiserConfig) -> float:
    """Factor on the peak learning rates at a step: linear warm-up, constant, then the decline.

    Parameters
    ----------
    step, steps : int
        0 <= step <= steps.
    config : OptimiserConfig
    """
    if step < config.warm_up:
        return (step + 1) / config.warm_up
    begin = steps * (1.0 - config.cool_down)
    if step <= begin:
        return 1.0
    progress = min((step - begin) / max(1.0, steps - begin), 1.0)
    if config.decline == "linear":
        return 1.0 - progress
    return 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * progress))


class Average:
    """Exponential moving average of a network's weights and buffers.

    Parameters
    ----------
    network : torch.nn.Module
    decay : float
        The average forgets (1 - decay) of itself at every step, and more in the first ones; 0 is the network itself.

    Attributes
    ----------
    weights : dict
        State dict of the average.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self._network = network
        self.weights: dict[str, Tensor] = {}
        self.begin()

    def begin(self) -> None:
        """Start at what the network is now, on the device where it is now."""
        state = self._network.state_dict()
        self.weights = {name: value.detach().clone() for name, value in state.items()} if self.decay else state

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Move towards the network, after so many steps."""
        state = self._network.state_dict()
        if not self.decay:
            self.weights = state
            return
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in state.items():
            if value.dtype.is_floating_point:
                self.weights[name].lerp_(value, 1.0 - decay)
            else:
                self.weights[name].copy_(value)
