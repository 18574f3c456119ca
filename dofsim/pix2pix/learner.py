"""What one training step does, for every objective that learns from pairs. CycleGAN has a module of its own."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from dofsim.errors import ModelError
from dofsim.pix2pix._torch import require

require("torch", "accelerate")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from accelerate import Accelerator  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from dofsim.pix2pix.adversarial import judged, named  # noqa: E402
from dofsim.pix2pix.batch import Batch  # noqa: E402
from dofsim.pix2pix.config import RunConfig  # noqa: E402
from dofsim.pix2pix.discriminator import PatchGAN, coverage, hide, pack, pair  # noqa: E402
from dofsim.pix2pix.objectives import l1, ssi  # noqa: E402
from dofsim.pix2pix.optimisers import Average, adam, learning_rate_factor  # noqa: E402
from dofsim.pix2pix.volume import VolumeCritic, voxelise  # noqa: E402

_MOST_SKIPPED = 50


class Learner(ABC):
    """The networks of an objective, their optimisers, and how they learn from a batch.

    Parameters
    ----------
    config : RunConfig
    networks : dict
        Name -> network; ``generator`` goes from photo to depth.
    optimised : dict
        Name of an optimiser -> names of the networks that it moves.

    Attributes
    ----------
    networks : dict
        The networks themselves, whatever they are wrapped in for several processes.
    optimisers : dict
    average : Average
        Of the generator.
    """

    def __init__(
        self, config: RunConfig, networks: Mapping[str, nn.Module], optimised: Mapping[str, tuple[str, ...]]
    ) -> None:
        self.config = config
        self.networks = dict(networks)
        self._optimised = optimised
        if config.channels_last:
            for network in networks.values():
                for parameter in network.parameters():
                    if parameter.ndim == 4:
                        parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.optimisers: dict[str, Any] = {}
        for name, members in optimised.items():
            rate = config.optimiser.rate if "generator" in members else config.optimiser.discriminator_rate
            chosen = [networks[member] for member in members]
            self.optimisers[name] = adam(chosen, rate, config.optimiser, encoder=config.generator.name == "timm")
        self.average = Average(networks["generator"], config.optimiser.ema)
        self.wrapped = dict(networks)
        self.engine: Accelerator | None = None
        self._skipped = 0

    @property
    def generator(self) -> nn.Module:
        """The network from photo to depth."""
        return self.networks["generator"]

    def prepare(self, engine: Accelerator) -> None:
        """Move everything to where the engine computes, and let its processes learn together."""
        self.engine = engine
        for name, network in self.networks.items():
            if self.config.compile:
                network.compile()
            with warnings.catch_warnings():
                # Newer torch names broadcast_buffers otherwise; the name that all releases know is meant.
                warnings.filterwarnings("ignore", "`broadcast_buffers`", FutureWarning)
                self.wrapped[name] = engine.prepare(network)
        # An optimiser's state follows its parameters, which have just moved.
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(optimiser.state_dict())
            self.optimisers[name] = engine.prepare(optimiser)
        weights = self.average.weights
        self.average.weights = {name: value.to(engine.device) for name, value in weights.items()}

    def set_rate(self, step: int) -> float:
        """Set every optimiser to its rate at a step; returns the factor on the peak rates."""
        factor = learning_rate_factor(step, self.config.steps, self.config.optimiser)
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * factor
        return factor

    @abstractmethod
    def learn(self, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
        """Take one step on (this process's part of) a batch.

        Parameters
        ----------
        batch : Batch
        rng : numpy Generator
            The same for a step however often it is taken.

        Returns
        -------
        dict
            Name of a loss -> float (), without gradients.
        """

    def memory(self) -> dict[str, Tensor]:
        """What else the next steps depend on, beside networks and optimisers."""
        return {}

    def remember(self, memory: dict[str, Tensor]) -> None:
        """Take up what :meth:`memory` gave."""
        assert not memory, "there is nothing to be remembered"

    def autocast(self) -> AbstractContextManager[None]:
        """The precision in which networks compute."""
        device = self.engine.device.type if self.engine else "cpu"
        return torch.autocast(device, torch.bfloat16, enabled=self.config.bf16)

    def improve(self, name: str, loss: Tensor) -> None:
        """Move the networks of an optimiser against the gradient of a loss, unless that is not finite.

        Raises
        ------
        ModelError
            If it has not been finite for many steps.
        """
        assert self.engine is not None, "prepare() comes first"
        optimiser = self.optimisers[name]
        optimiser.zero_grad(set_to_none=True)
        self.engine.backward(loss)
        parameters = [p for group in optimiser.param_groups for p in group["params"] if p.grad is not None]
        norm = nn.utils.get_total_norm([p.grad for p in parameters])
        if not torch.isfinite(norm):
            self._skipped += 1
            if self._skipped >= _MOST_SKIPPED:
                raise ModelError(
                    f"the gradient of the {name} has not been finite for {_MOST_SKIPPED} steps; lower the learning "
                    "rate (--rate), or do without bfloat16 (--no-bf16)"
                )
            return
        self._skipped = 0
        if self.config.optimiser.clip and "generator" in self._optimised[name]:
            nn.utils.clip_grads_with_norm_(parameters, self.config.optimiser.clip, norm)
        optimiser.step()

    def frozen(self, *names: str) -> _Frozen:
        """Context in which gradients flow through some networks but not into them."""
        return _Frozen([self.networks[name] for name in names])


class _Frozen:
    def __init__(self, networks: Sequence[nn.Module]) -> None:
        self._networks = networks

    def __enter__(self) -> None:
        for network in self._networks:
            network.requires_grad_(requires_grad=False)

    def __exit__(self, *_: object) -> None:
        for network in self._networks:
            network.requires_grad_()


class Paired(Learner):
    """Learn from photos with their own depth: every objective but CycleGAN.

    Parameters
    ----------
    config : RunConfig
    generator : torch.nn.Module
    """

    def __init__(self, config: RunConfig, generator: nn.Module) -> None:
        objective = config.objective
        self._pack = objective.pack if objective.name == "pacgan" else 1
        networks: dict[str, nn.Module] = {"generator": generator}
        optimised: dict[str, tuple[str, ...]] = {"generator": ("generator",)}
        critic = self._critic(config)
        if critic is not None:
            networks["discriminator"] = critic
            optimised["discriminator"] = ("discriminator",)
        super().__init__(config, networks, optimised)

    def _critic(self, config: RunConfig) -> nn.Module | None:
        objective = config.objective
        if objective.name in ("l1", "ssi"):
            return None
        if objective.name == "volumetric":
            return VolumeCritic(objective.voxels, objective.filters)
        classes = len(config.data.classes) if objective.name == "acgan" else 0
        inputs = 1 if objective.name == "gan" else 4
        return PatchGAN(inputs * self._pack, objective.filters, classes=classes)

    def learn(self, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
        """Improve the discriminator, then the generator, as pix2pix does."""
        del rng
        with self.autocast():
            prediction = self.wrapped["generator"](batch.photo)
        prediction = prediction.float()
        losses: dict[str, Tensor] = {}
        if "discriminator" in self.networks:
            losses["discriminator"] = self._teach(batch, prediction.detach())
            with self.frozen("discriminator"):
                gan = self._fool(batch, prediction, losses)
                total = gan + self._content(batch, prediction, losses)
                self.improve("generator", total)
        else:
            total = self._content(batch, prediction, losses)
            self.improve("generator", total)
        losses["generator"] = total.detach()
        return losses

    def _content(self, batch: Batch, prediction: Tensor, losses: dict[str, Tensor]) -> Tensor:
        """What compares the prediction with its own truth."""
        objective = self.config.objective
        if objective.name in ("gan", "cgan"):
            losses["l1"] = l1(prediction.detach(), batch.target, batch.mask)
            return prediction.new_zeros(())
        if objective.name == "ssi":
            loss = ssi(prediction, batch.target, batch.mask, edges=objective.edges)
            losses["ssi"] = loss.detach()
            return loss
        loss = l1(prediction, batch.target, batch.mask)
        losses["l1"] = loss.detach()
        return objective.l1 * loss

    def _verdict(self, critic: nn.Module, batch: Batch, depth: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits of the patches, and of the scene classes where there is an auxiliary head."""
        objective = self.config.objective
        with self.autocast():
            if objective.name == "volumetric":
                return critic(voxelise(depth, batch.mask, batch.photo, objective.voxels)), None
            if objective.name == "gan":
                return critic(hide(depth, batch.mask)), None
            seen = pair(batch.photo, depth, batch.mask)
            if objective.name == "acgan":
                logits, classes = critic(seen, batch.mask)
                return logits, classes
            return critic(pack(seen, self._pack)), None

    def _weight(self, batch: Batch) -> Tensor:
        if self.config.objective.name == "volumetric":
            return batch.mask.flatten(1).any(dim=1, keepdim=True).float()
        return coverage(pack(batch.mask, self._pack))

    def _teach(self, batch: Batch, prediction: Tensor) -> Tensor:
        """Improve the discriminator; its loss is halved, which slows it down beside the generator."""
        critic = self.wrapped["discriminator"]
        weight = self._weight(batch)
        real, real_class = self._verdict(critic, batch, batch.target)
        fake, fake_class = self._verdict(critic, batch, prediction)
        loss = 0.5 * (judged(real, weight, real=True) + judged(fake, weight, real=False))
        total = loss
        if real_class is not None and fake_class is not None:
            classes = named(real_class, batch.label) + named(fake_class, batch.label)
            total = total + 0.5 * self.config.objective.auxiliary * classes
        self.improve("discriminator", total)
        return loss.detach()

    def _fool(self, batch: Batch, prediction: Tensor, losses: dict[str, Tensor]) -> Tensor:
        # Not the wrapped one: nothing of the discriminator's is to be averaged over processes here.
        logits, classes = self._verdict(self.networks["discriminator"], batch, prediction)
        loss = judged(logits, self._weight(batch), real=True)
        losses["gan"] = loss.detach()
        if classes is not None:
            cost = named(classes, batch.label)
            losses["classes"] = cost.detach()
            loss = loss + self.config.objective.auxiliary * cost
        return loss
