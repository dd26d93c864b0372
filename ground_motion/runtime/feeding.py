"""Transfer of windows to a device, so that a GPU does not wait for them.

On a CPU nothing is read ahead: a network takes thirty times as long as reading, and every window costs memory.
"""

import os

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ground_motion.runtime.ahead import AT_ONCE, Feed
from ground_motion.runtime.memory import window_divisor

Float32 = NDArray[np.float32]

MAX_READERS = 8
LARGE_CARD_BYTES = 24 << 30
ON_A_LARGE_CARD_PX, ON_A_CARD_PX = 4096, 2048


def feed_of(device: torch.device) -> Feed:
    """Return how to read ahead for a device: for a GPU with one thread per core, at most MAX_READERS."""
    if device.type != "cuda":
        return AT_ONCE
    return Feed(min(MAX_READERS, len(os.sched_getaffinity(0))), pinned=True)


def window_px(device: torch.device, on_cpu: int) -> int:
    """Return the side of the windows computed at once, px; large on a GPU, because a window needs one halo."""
    if device.type != "cuda":
        return on_cpu
    memory = torch.cuda.get_device_properties(device).total_memory
    return (ON_A_LARGE_CARD_PX if memory >= LARGE_CARD_BYTES else ON_A_CARD_PX) // window_divisor()


def may_hold(device: torch.device, n_bytes: int) -> bool:
    """Return whether n_bytes may be kept on a device: on a GPU up to a quarter of its memory, on a CPU never."""
    return device.type == "cuda" and 4 * n_bytes <= torch.cuda.get_device_properties(device).total_memory


def pin(images: Float32, feed: Feed) -> Float32:
    """Copy images to pinned memory if the feed is pinned."""
    return torch.from_numpy(images).pin_memory().numpy() if feed.pinned else images


def move_to_device(images: Float32, device: torch.device) -> Tensor:
    """Move images to a device, without waiting for a copy from pinned memory."""
    return torch.from_numpy(images).to(device, non_blocking=True)
