"""`fhr_jax.hourglass` in PyTorch: the same network for any `Config`, written from our own Flax module.

Its parameters have the usual names of PyTorch stacked hourglasses, so `fhr-jax import` reads its files; scale n counts
from the innermost, 0. Images are (B, 3, S, S), as usual in PyTorch; `.to(memory_format=torch.channels_last)` gives
them the memory layout of JAX. Normalizations have the momentum and epsilon of our Flax module, but PyTorch's running
variance is the unbiased one. Convolutions before a normalization have a bias, as in other implementations; it has no
effect, and `biases=False` leaves it out.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fhr_jax.hourglass import Config

STEM = 64


class Bottleneck(nn.Module):
    """Residual unit with pre-activation: 1x1, 3x3, 1x1; `downsample` where the number of channels changes."""

    def __init__(self, channels: int, features: int, biases: bool):
        super().__init__()
        half = features // 2
        self.bn1, self.conv1 = nn.BatchNorm2d(channels), nn.Conv2d(channels, half, 1, bias=biases)
        self.bn2, self.conv2 = nn.BatchNorm2d(half), nn.Conv2d(half, half, 3, padding=1, bias=biases)
        self.bn3, self.conv3 = nn.BatchNorm2d(half), nn.Conv2d(half, features, 1)
        self.downsample = nn.Sequential(nn.Conv2d(channels, features, 1)) if channels != features else None

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, C, h, w) to (B, features, h, w)."""
        y = self.conv1(F.relu(self.bn1(x)))
        y = self.conv2(F.relu(self.bn2(y)))
        y = self.conv3(F.relu(self.bn3(y)))
        return y + (x if self.downsample is None else self.downsample(x))


def units(config: Config, biases: bool) -> nn.Sequential:
    """Several residual units in a row."""
    return nn.Sequential(*(Bottleneck(config.features, config.features, biases) for _ in range(config.units)))


class Scales(nn.Module):
    """One hourglass: at every scale a skip connection, units on the way down and up, and innermost units between."""

    def __init__(self, config: Config, biases: bool):
        super().__init__()
        self.hg = nn.ModuleList(
            nn.ModuleList(units(config, biases) for _ in range(4 if scale == 0 else 3)) for scale in range(config.depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features to features of the same shape."""
        return self._scale(len(self.hg) - 1, x)

    def _scale(self, n: int, x: Tensor) -> Tensor:
        branch, down, up, *innermost = self.hg[n].children()
        low = down(F.max_pool2d(x, 2))
        low = innermost[0](low) if n == 0 else self._scale(n - 1, low)
        return branch(x) + F.interpolate(up(low), scale_factor=2, mode="nearest")


class TorchHourglass(nn.Module):
    """Stacked hourglass: crops (B, 3, S, S) with values in [0, 1] to maps (stacks, B, M, h, w)."""

    def __init__(self, config: Config, *, biases: bool = True):
        super().__init__()
        features, stacks = config.features, config.stacks
        self.pool = config.pool
        self.conv1, self.bn1 = nn.Conv2d(3, STEM, 7, stride=2, padding=3, bias=biases), nn.BatchNorm2d(STEM)
        self.layer1 = nn.Sequential(Bottleneck(STEM, STEM, biases))
        self.layer2 = nn.Sequential(Bottleneck(STEM, features, biases))
        self.layer3 = nn.Sequential(Bottleneck(features, features, biases))
        self.hg = nn.ModuleList(Scales(config, biases) for _ in range(stacks))
        self.res = nn.ModuleList(units(config, biases) for _ in range(stacks))
        self.fc = nn.ModuleList(
            nn.Sequential(nn.Conv2d(features, features, 1, bias=biases), nn.BatchNorm2d(features), nn.ReLU())
            for _ in range(stacks)
        )
        self.score = nn.ModuleList(nn.Conv2d(features, config.landmarks, 1) for _ in range(stacks))
        self.fc_ = nn.ModuleList(nn.Conv2d(features, features, 1) for _ in range(stacks - 1))
        self.score_ = nn.ModuleList(nn.Conv2d(config.landmarks, features, 1) for _ in range(stacks - 1))

    def forward(self, images: Tensor) -> Tensor:
        """The maps of every stack, the last being the best."""
        x = self.layer1(F.relu(self.bn1(self.conv1(images - 0.5))))
        if self.pool:
            x = F.max_pool2d(x, 2)
        x = self.layer3(self.layer2(x))
        maps = []
        for stack, (hg, res, fc, score) in enumerate(zip(self.hg, self.res, self.fc, self.score, strict=True)):
            y = fc(res(hg(x)))
            maps.append(score(y))
            if stack < len(self.fc_):
                x = x + self.fc_[stack](y) + self.score_[stack](maps[-1])
        return torch.stack(maps)
