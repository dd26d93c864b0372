"""Windows on their way to a device: how a GPU is fed, so that it does not wait for them.

On a CPU nothing is read ahead: there a network takes thirty times as long as reading, and every window costs memory.
"""

import os

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ml.runtime.ahead import AT_ONCE, Feed

Float32 = NDArray[np.float32]

MOST_READERS = 8
LARGE_CARD_BYTES = 24 << 30
ON_A_LARGE_CARD_PX, ON_A_CARD_PX = 4096, 2048


def feed_of(device: torch.device) -> Feed:
    """Return how a device is fed: a GPU by a thread for each core, MOST_READERS at most."""
    if device.type != "cuda":
        return AT_ONCE
    return Feed(min(MOST_READERS, len(os.sched_getaffinity(0))), pinned=True)


def window_px(device: torch.device, on_cpu: int) -> int:
    """Return the side of what is answered for at once.

    On a GPU large windows stand for batches: they share one halo.
    """
    if device.type != "cuda":
        return on_cpu
    memory = torch.cuda.get_device_properties(device).total_memory
    return ON_A_LARGE_CARD_PX if memory >= LARGE_CARD_BYTES else ON_A_CARD_PX


def may_hold(device: torch.device, n_bytes: int) -> bool:
    """Return whether so much may stay on a GPU while it works: a quarter of its memory."""
    return device.type == "cuda" and 4 * n_bytes <= torch.cuda.get_device_properties(device).total_memory


def pinned(images: Float32, feed: Feed) -> Float32:
    """Pin images where they wait for the device."""
    return torch.from_numpy(images).pin_memory().numpy() if feed.pinned else images


def on_device(images: Float32, device: torch.device) -> Tensor:
    """Move images to a device; from pinned memory the copy is not waited for."""
    return torch.from_numpy(images).to(device, non_blocking=True)
