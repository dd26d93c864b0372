"""Interpolation from the network's grid to a grid of another posting."""

import torch
from torch import Tensor

from ml.networks.cc_res_siamnet import NODE_PX
from ml.offsets.baseline import Offsets


def at_posting(offsets: Offsets, shape: tuple[int, int], posting: int) -> Offsets:
    """Interpolate linearly to a grid with one node per `posting` pixels of an image of shape (rows, cols).

    A new node is unknown if the nearest old node is; all other unknown nodes around it are ignored.
    """
    if posting == NODE_PX:
        return offsets
    places = [_places(size, posting, n) for size, n in zip(shape, offsets.dx_px.shape, strict=True)]
    return Offsets(*(_linear(band, *places) for band in offsets))


def _places(size: int, posting: int, nodes: int) -> Tensor:
    """Return the positions of the new nodes on one axis, in units of the network's nodes."""
    middle = torch.arange(max(1, size // posting)) * posting + posting / 2
    return ((middle - NODE_PX / 2) / NODE_PX).clamp(0, nodes - 1)


def _linear(band: Tensor, row: Tensor, col: Tensor) -> Tensor:
    known = torch.isfinite(band)
    held, weight = torch.where(known, band, 0.0), known.to(band.dtype)
    for dim, at in ((0, row), (1, col)):
        low = at.floor().long()
        high = (low + 1).clamp_max(band.shape[dim] - 1)
        share = (at - low).reshape(-1, 1) if dim == 0 else (at - low)
        held, weight = (
            (1 - share) * part.index_select(dim, low) + share * part.index_select(dim, high) for part in (held, weight)
        )
    nearest = known[row.round().long()][:, col.round().long()]
    return torch.where(nearest, held / weight.clamp_min(1e-6), torch.nan)
