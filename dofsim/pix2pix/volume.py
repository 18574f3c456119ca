"""A critic of volumes: the visible surface as voxels, and a discriminator of 3-D convolutions."""

from __future__ import annotations

from dofsim.pix2pix._torch import require

require("torch")

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402, N812
from torch import Tensor, nn  # noqa: E402

from dofsim.pix2pix.discriminator import hide  # noqa: E402
from dofsim.pix2pix.layers import start_normal  # noqa: E402


def voxelise(depth: Tensor, mask: Tensor, photo: Tensor, voxels: int) -> Tensor:
    """Visible surface as coloured voxels of the camera's frustum.

    Two axes are the picture's, the third is encoded depth. A pixel fills the two voxels next to its depth in inverse
    proportion to their distances, so that the depth has a gradient; unknown pixels fill none.

    Parameters
    ----------
    depth : float (n, 1, h, w)
        In -1..1.
    mask : bool (n, 1, h, w)
    photo : float (n, 3, h, w)
        In -1..1.
    voxels : int
        Sides of the cube.

    Returns
    -------
    float (n, 4, voxels, voxels, voxels)
        Axes: channel, depth (far first), row, column. Channel 0 is the share of a voxel's pixels whose surface it
        holds, the others are that times red, green and blue.
    """
    place = (hide(depth, mask).float().clamp(-1.0, 1.0) + 1.0) / 2.0 * (voxels - 1)
    levels = torch.arange(voxels, device=depth.device, dtype=place.dtype).reshape(1, -1, 1, 1)
    filled = (1.0 - (place - levels).abs()).clamp_min(0.0) * mask
    cube = [F.adaptive_avg_pool2d(filled, voxels)]
    cube += [F.adaptive_avg_pool2d(filled * photo[:, k : k + 1].to(filled.dtype), voxels) for k in range(3)]
    return torch.stack(cube, dim=1)


class VolumeCritic(nn.Module):
    """Discriminator of voxels in the manner of 3D-GAN (Wu et al., NeurIPS 2016): strided 3-D convolutions.

    Parameters
    ----------
    voxels : int
        Sides of the cube: 16, 32, 64 or 128.
    filters : int
        Channels of the first layer; they double with every halving. 64 with 64 voxels as published.

    Notes
    -----
    Input: float (n, 4, voxels, voxels, voxels), see :func:`voxelise`. Output: one logit, float (n, 1).
    """

    def __init__(self, voxels: int = 32, filters: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv3d(4, filters, 4, 2, 1), nn.LeakyReLU(0.2)]
        side, width = voxels // 2, filters
        while side > 4:
            layers += [nn.Conv3d(width, width * 2, 4, 2, 1, bias=False), nn.BatchNorm3d(width * 2), nn.LeakyReLU(0.2)]
            side, width = side // 2, width * 2
        self.trunk = nn.Sequential(*layers)
        self.judge = nn.Conv3d(width, 1, 4)
        start_normal(self)

    def forward(self, cube: Tensor) -> Tensor:
        """Judge a volume, (n, 4, v, v, v) -> (n, 1)."""
        logits: Tensor = self.judge(self.trunk(cube))
        return logits.flatten(1)
