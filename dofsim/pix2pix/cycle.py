"""CycleGAN (Zhu et al., ICCV 2017): photos and depth maps that do not belong together, and what holds them together.

One generator goes from photo to depth, a second one, the painter, back. Each has its discriminator with least-squares
loss and a pool of former pictures; going there and back must lead home (cycle loss), and what is depth already must
stay as it is (identity loss).

A photo without depth has no holes, a real depth map has. So that the discriminator cannot tell them by that, a
predicted map gets the holes of the real one that it is compared with.
"""

from __future__ import annotations

from dofsim.pix2pix._torch import require

require("torch")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from dofsim.pix2pix.adversarial import ImagePool, judged  # noqa: E402
from dofsim.pix2pix.batch import Batch  # noqa: E402
from dofsim.pix2pix.config import RunConfig  # noqa: E402
from dofsim.pix2pix.discriminator import PatchGAN, coverage, hide  # noqa: E402
from dofsim.pix2pix.learner import Learner  # noqa: E402
from dofsim.pix2pix.objectives import l1  # noqa: E402
from dofsim.pix2pix.unet import UNet  # noqa: E402


class Cycle(Learner):
    """Learn from photos and depth maps that are not pairs.

    Parameters
    ----------
    config : RunConfig
    generator : torch.nn.Module
        Photo -> depth. The painter is a U-Net of the configured levels and filters.
    """

    def __init__(self, config: RunConfig, generator: nn.Module) -> None:
        objective, shape = config.objective, config.generator
        painter = UNet(
            shape.levels if shape.name != "timm" else min(8, (config.size & -config.size).bit_length() - 1),
            shape.filters, outputs=3, skips=shape.name != "encoder-decoder", upsample=shape.upsample,
            dropout=shape.dropout, statistics=shape.statistics,
        )  # fmt: skip
        networks = {
            "generator": generator,
            "painter": painter,
            "depth-critic": PatchGAN(1, objective.filters),
            "photo-critic": PatchGAN(3, objective.filters),
        }
        optimised = {"generator": ("generator", "painter"), "discriminator": ("depth-critic", "photo-critic")}
        super().__init__(config, networks, optimised)
        self._depths, self._photos = ImagePool(objective.pool), ImagePool(objective.pool)

    def learn(self, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
        """Improve both generators, then both discriminators, as CycleGAN does."""
        photo, mask = batch.photo, batch.mask
        depth = hide(batch.target, mask)
        everywhere = torch.ones_like(mask)
        with self.frozen("depth-critic", "photo-critic"):
            with self.autocast():
                predict, paint = self.wrapped["generator"], self.wrapped["painter"]
                predicted, painted = predict(photo), paint(_colour(depth))
                photo_again, depth_again = paint(_colour(predicted)), predict(painted)
                photo_same, depth_same = paint(photo), predict(_colour(depth))
                depth_logits = self.networks["depth-critic"](hide(predicted, mask))
                photo_logits = self.networks["photo-critic"](painted)
            gan = judged(depth_logits, coverage(mask), real=True, kind="least-squares")
            gan = gan + judged(photo_logits, coverage(everywhere), real=True, kind="least-squares")
            cycle = l1(photo_again, photo, everywhere) + l1(depth_again, depth, mask)
            identity = l1(photo_same, photo, everywhere) + l1(depth_same, depth, mask)
            objective = self.config.objective
            total = gan + objective.cycle * (cycle + objective.identity * identity)
            self.improve("generator", total)
        old_depth = self._depths.exchange(predicted.float(), rng)
        old_photo = self._photos.exchange(painted.float(), rng)
        with self.autocast():
            critic, other = self.wrapped["depth-critic"], self.wrapped["photo-critic"]
            verdicts = critic(depth), critic(hide(old_depth, mask)), other(photo), other(old_photo)
        real, fake, real_photo, fake_photo = verdicts
        known, all_known = coverage(mask), coverage(everywhere)
        loss = judged(real, known, real=True, kind="least-squares")
        loss = loss + judged(fake, known, real=False, kind="least-squares")
        loss = loss + judged(real_photo, all_known, real=True, kind="least-squares")
        loss = 0.5 * (loss + judged(fake_photo, all_known, real=False, kind="least-squares"))
        self.improve("discriminator", loss)
        parts = {"generator": total, "gan": gan, "cycle": cycle, "identity": identity, "discriminator": loss}
        return {name: value.detach() for name, value in parts.items()}

    def memory(self) -> dict[str, Tensor]:
        """The two pools."""
        pools = {"depths": self._depths.pictures, "photos": self._photos.pictures}
        return {name: torch.stack(pictures) for name, pictures in pools.items() if pictures}

    def remember(self, memory: dict[str, Tensor]) -> None:
        """Fill the two pools."""
        self._depths.pictures = list(memory.get("depths", ()))
        self._photos.pictures = list(memory.get("photos", ()))


def _colour(depth: Tensor) -> Tensor:
    """Depth as a grey picture: both generators see three channels, so that identity has a meaning."""
    return depth.expand(-1, 3, -1, -1)
