"""`python -m lab.coherence.int8 OUT.json [PAIRS]`: the network in int8 and in larger tiles, against what is shipped.

Int8 by Torch's own operators (oneDNN), without a second engine: of 3 x 3 convolutions that read rectified values,
weights have a scale a channel, inputs one a layer; what blocks add to stays in bfloat16. Scales are those that lose
least on training draws. Time is the processor's, of one thread, a pixel of a tile's core, in turns with bfloat16.
"""

from __future__ import annotations

import copy
import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lab.coherence.evaluate import EDGE_PX, GROUNDS, HOMOGENEOUS, STATISTICS, STEP, STRUCTURED, errors, step_width
from lab.coherence.training.scenes import coherence_pair
from lab.results import exact, write
from lab.simulation.sar.pairs import SarPair
from lab.simulation.sar.recipes import gamma_step
from lab.simulation.seeds import Purpose, generator
from ml.coherence import network
from ml.coherence.network import CoherenceNetwork
from ml.coherence.registration import facts_of
from ml.networks.residual_unet import Block
from ml.rasters.imagery import Float32
from ml.runtime.device import AUTO, FLOAT32
from ml.runtime.memory import freed_memory_kept
from ml.statistics.intervals import Float64, Interval, bootstrap_over

CPU = torch.device("cpu")
LEVELS = 255
CLIPPED = (1.0, 0.85, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)  # of the largest value seen: what the highest level stands for
CALIBRATION_PAIRS, CALIBRATION_PX, DRAWN_VALUES = 24, 256, 20_000
PAIRS, STEPS, ROUNDS = 60, 6, 5
TILES_PX = (1280, 2048)  # cores
ROUNDING = 2.0**23  # a float32 above it is a whole number, whose lowest byte is its level
STRIP_VALUES = 1 << 18  # that stay near a CPU
SQUARE = ([1, 1], [1, 1], [1, 1], 1)  # stride, padding, dilation, groups


class Int8Conv(nn.Module):
    """A convolution of rectified values, a level of which stands for scale."""

    def __init__(self, conv: nn.Conv2d, scale: float) -> None:
        super().__init__()
        weight = conv.weight.detach().float()
        steps = weight.abs().amax((1, 2, 3)).clamp_min(1e-12) / 127
        levels = torch.round(weight / steps[:, None, None, None]).to(torch.int8)
        packed = torch.ops.onednn.qconv_prepack(levels, steps, scale, 0, *SQUARE, None)
        assert conv.bias is not None  # noqa: S101 (it has one)
        self.scale = scale
        self.weights = packed, steps, torch.zeros(len(steps), dtype=torch.int32)
        self.bias = conv.bias.detach().float()

    def forward(self, x: Tensor) -> Tensor:
        """Of values as they are, in their own precision; negative ones count as 0."""
        return self._of(levels_of(x, self.scale), 1.0, x.dtype, "none")

    def rectified(self, levels: Tensor, scale: float) -> Tensor:
        """Levels, each of which stands for scale, of levels."""
        return self._of(levels, scale, torch.uint8, "relu")

    def added(self, levels: Tensor, to: Tensor) -> Tensor:
        """What comes of levels, added to `to` in its place."""
        convolve = torch.ops.onednn.qconv2d_pointwise.binary
        inputs = levels, self.scale, 0, *self.weights, to, self.bias, *SQUARE
        return convolve(*inputs, 1.0, 0, to.dtype, 1.0, 0, "sum", 1.0, None, [], None)  # type: ignore[no-any-return]

    def _of(self, levels: Tensor, scale: float, dtype: torch.dtype, then: str) -> Tensor:
        convolve = torch.ops.onednn.qconv2d_pointwise
        inputs = levels, self.scale, 0, *self.weights, self.bias, *SQUARE
        return convolve(*inputs, scale, 0, dtype, then, [], None)  # type: ignore[no-any-return]


class Int8Block(nn.Module):
    """A residual block between levels; it adds in the precision of what comes in, in its place."""

    def __init__(self, block: Block, first: float, second: float) -> None:
        super().__init__()
        self.first, self.second = Int8Conv(block.first, first), Int8Conv(block.second, second)

    def forward(self, x: Tensor) -> Tensor:
        levels = levels_of(x, self.first.scale)
        return self.second.added(self.first.rectified(levels, self.second.scale), x)


def levels_of(values: Tensor, scale: float) -> Tensor:
    """Levels 0-255 of values (n, c, rows, cols), by strips. Adding ROUNDING rounds in an eighth of the time."""
    levels = torch.empty_like(values, dtype=torch.uint8)
    rows = max(1, STRIP_VALUES // (values.shape[1] * values.shape[3]))
    for row in range(0, values.shape[2], rows):
        part = values[:, :, row : row + rows].to(torch.float32, copy=True)
        part.mul_(1 / scale).clamp_(0, LEVELS).add_(ROUNDING)
        levels[:, :, row : row + rows] = part.view(torch.int32)
    return levels


def rectified_inputs(unet: nn.Module) -> dict[str, nn.Conv2d]:
    """By name, the convolutions that read rectified values over 3 x 3 px."""
    convs = {name: layer for name, layer in unet.named_modules() if isinstance(layer, nn.Conv2d)}
    left_out = "stem", "optional", "detail"
    return {name: conv for name, conv in convs.items() if conv.kernel_size == (3, 3) and name not in left_out}


def scales(net: CoherenceNetwork, pairs: Sequence[SarPair]) -> dict[str, float]:
    """Of each of rectified_inputs, the scale with the least square error over pairs."""
    seen: dict[str, list[Tensor]] = {}

    def keep(name: str, _: nn.Module, inputs: tuple[Tensor]) -> None:
        values = inputs[0].float().flatten()
        drawn = values[torch.randint(0, len(values), (DRAWN_VALUES,))]
        seen.setdefault(name, []).append(torch.cat([drawn, values.max()[None]]))

    hooks = [conv.register_forward_pre_hook(partial(keep, name)) for name, conv in rectified_inputs(net.unet).items()]
    for pair in pairs:
        estimated(net, pair)
    for hook in hooks:
        hook.remove()
    return {name: _least_error(torch.cat(values)) for name, values in seen.items()}


def _least_error(values: Tensor) -> float:
    def error(scale: float) -> float:
        return float((values - (values / scale).round().clamp(0, LEVELS) * scale).square().mean())

    return min((share * float(values.max()) / LEVELS for share in CLIPPED), key=error)


def quantised(net: CoherenceNetwork, by_name: dict[str, float]) -> CoherenceNetwork:
    """The network in int8, for a CPU and bfloat16."""
    unet = copy.deepcopy(net.unet)
    for name, layer in list(unet.named_modules()):
        parent, _, leaf = name.rpartition(".")
        if isinstance(layer, Block):
            made = Int8Block(layer, by_name[f"{name}.first"], by_name[f"{name}.second"])
            unet.get_submodule(parent).register_module(leaf, made)
    unet.mix, unet.head = (Int8Conv(getattr(unet, name), by_name[name]) for name in ("mix", "head"))  # type: ignore[assignment]
    return net._replace(unet=unet)


def estimated(net: CoherenceNetwork, pair: SarPair) -> dict[str, Float32]:
    """Bands of a pair, its looks given."""
    power = torch.from_numpy(pair.power)
    coherence, sigma = net.estimate(power, facts_of([power], pair.looks))[network.TRUTHS[0]]
    return {"coherence": coherence.numpy(), "coherence_sigma": sigma.numpy()}


def accuracies(net: CoherenceNetwork, pairs: int) -> dict[str, Interval]:
    """Metrics of both benchmarks over so many pairs, as lab.coherence.evaluate names them; …_even of even ground."""
    metrics = {}
    for name, ending in ((STRUCTURED, ""), (HOMOGENEOUS, "_even")):
        made = (GROUNDS[name].make(0.0, scene) for scene in range(pairs))
        groups = [errors(estimated(net, pair), pair) for pair in made]
        for metric in ("rmse", "within_68"):
            metrics[metric + ending] = bootstrap_over(groups, STATISTICS[metric])
    shifted = (GROUNDS[STRUCTURED].make(1.0, scene) for scene in range(pairs))
    groups = [errors(estimated(net, pair), pair) for pair in shifted]
    metrics["rmse_misregistered"] = bootstrap_over(groups, STATISTICS["rmse"])
    lines = [_falls(net, scene) for scene in range(STEPS)]
    return metrics | {"resolution_px": bootstrap_over(lines, partial(step_width, len(lines[0])))}


def _falls(net: CoherenceNetwork, scene: int) -> Float64:
    band = estimated(net, gamma_step(generator(Purpose.BENCHMARK, STEP, scene)))["coherence"]
    return np.asarray(band[EDGE_PX:-EDGE_PX].mean(axis=0), dtype=np.float64)[:, None]


def seconds(net: CoherenceNetwork, core_px: int) -> float:
    """Of the processor, for an inner tile; a pixel of its core."""
    size = core_px + 2 * net.halo_px()
    power = torch.from_numpy(np.random.default_rng(1).gamma(4, 0.25, (2, size, size)).astype(np.float32))
    facts = facts_of([power[:, :512, :512]], 4.0)
    with freed_memory_kept():
        started = time.thread_time()
        net.estimate(power, facts)
        return (time.thread_time() - started) / core_px**2


def main(arguments: Sequence[str]) -> int:
    """Calibrate, judge, time and write."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    shipped = network.shipped(CPU)
    os.environ["ML_PRECISION"] = FLOAT32
    drawn = (generator(Purpose.TRAINING, "coherence-int8", scene) for scene in range(CALIBRATION_PAIRS))
    small = quantised(shipped, scales(shipped, [coherence_pair(rng, CALIBRATION_PX, 0.5) for rng in drawn]))
    first, second = TILES_PX
    nets = {
        FLOAT32: (FLOAT32, shipped, first),
        "bfloat16": (AUTO, shipped, first),
        "int8": (AUTO, small, first),
        "bfloat16, larger tiles": (AUTO, shipped, second),
        "int8, larger tiles": (AUTO, small, second),
    }
    metrics: dict[str, dict[str, Interval]] = {}
    took: dict[str, list[float]] = {name: [] for name in nets}
    for _ in range(1 + ROUNDS):
        for name, (precision, net, core_px) in nets.items():
            os.environ["ML_PRECISION"] = precision
            took[name].append(seconds(net, core_px))
    for name, (precision, net, core_px) in nets.items():
        os.environ["ML_PRECISION"] = precision
        ratios = np.array(took[name][1:]) / np.array(took["bfloat16"][1:])  # the first warms up
        metrics[name] = accuracies(net, int(arguments[1]) if len(arguments) > 1 else PAIRS) if core_px == first else {}
        metrics[name] |= {"time": Interval(float(np.median(ratios)), float(ratios.min()), float(ratios.max()))}
        metrics[name] |= {"mpx_s": exact(1e-6 / float(np.median(took[name])))}
    write(Path(arguments[0]), "lab.coherence.int8", metrics, dict.fromkeys(nets, network.NAME))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
