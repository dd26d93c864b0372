"""Device and precision of the numerics. Nothing here touches CUDA at import."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import nn

from ground_motion.runtime.ahead import Feed, read_ahead
from ground_motion.runtime.memory import window_divisor

AUTO, FLOAT32, TF32, BFLOAT16 = "auto", "float32", "tf32", "bfloat16"
Network = TypeVar("Network", bound=nn.Module)
Given = TypeVar("Given")
Result = TypeVar("Result")


def choose_device(wish: str = "auto") -> torch.device:
    """Turn auto, cpu or cuda into a device. ValueError if CUDA is requested and not available."""
    if wish == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wish == "cuda" and not torch.cuda.is_available():
        raise ValueError("no CUDA device is available; use --device cpu or auto")
    return torch.device(wish)


def ready(network: Network, device: torch.device) -> Network:
    """Move a network to its device for inference."""
    network.eval().to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


@contextmanager
def low_precision(device: torch.device) -> Iterator[None]:
    """Use bfloat16 in this block if `precision` is bfloat16, else float32; that float32 is as in `full_precision`."""
    with full_precision(device), torch.autocast(device.type, torch.bfloat16, enabled=precision(device) == BFLOAT16):
        yield


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Use full float32 in this block.

    Otherwise a GPU would multiply float32 with a mantissa of ten bits (TF32), which is used only for ML_PRECISION=tf32.
    """
    if device.type != "cuda":
        yield
        return
    convolutions = torch.backends.cudnn.conv  # type: ignore[attr-defined]  # set up by an assignment to its module
    before = convolutions.fp32_precision
    convolutions.fp32_precision = "tf32" if precision(device) == TF32 else "ieee"
    try:
        yield
    finally:
        convolutions.fp32_precision = before


def precision(device: torch.device) -> str:
    """Return the precision in which networks multiply on a device.

    By default it is bfloat16 if fast, else float32. ML_PRECISION: float32, or tf32 (TF32 on a GPU, float32 on a CPU).

    ValueError for any ML_PRECISION except these and auto.
    """
    wish = os.environ.get("ML_PRECISION") or AUTO
    if wish not in (AUTO, FLOAT32, TF32):
        raise ValueError(f"ML_PRECISION is {wish!r}; use {AUTO}, {TF32} or {FLOAT32}")
    if wish == TF32 and device.type == "cuda":
        return TF32
    return BFLOAT16 if wish == AUTO and (device.type == "cuda" or has_fast_bfloat16()) else FLOAT32


def has_fast_bfloat16() -> bool:
    """Return whether this CPU multiplies in bfloat16 (AMX tile units or AVX-512), which halves the time of a step."""
    held = torch.cpu.get_capabilities()
    return bool(held.get("amx_bf16", False) or held.get("avx512_bf16", False))


def numerics(device: torch.device) -> list[str]:
    """Return what, besides code and weights, may affect the last bits of a result: versions, device, precision.

    Pieces for which these facts differ are never combined.

    On a CPU they include the number of threads, which determines the order of a network's sums.
    """
    common = [torch.__version__, precision(device)]
    if device.type == "cuda":
        smaller = [f"windows / {window_divisor()}"] if window_divisor() > 1 else []
        return [*common, torch.cuda.get_device_name(device), *smaller]
    return [*common, torch.backends.cpu.get_cpu_capability(), f"{torch.get_num_threads()} threads"]


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch compute with some threads in this process until the block ends."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def shared_threads(device: torch.device, most: int | None = None) -> Iterator[int]:
    """Yield how many items a CPU may compute at a time in this block; each has its own part of torch's threads.

    The number is at most `most`, by default that of torch's threads, and 1 on a GPU. Two items on two threads take less
    time than one after the other on both, whose threads wait for each other after every operation.
    """
    threads = torch.get_num_threads()
    workers = min(most or threads, threads) if device.type == "cpu" else 1
    with torch_threads(threads // workers):
        yield workers


def map_in_threads(work: Callable[[Given], Result], items: Iterable[Given], device: torch.device) -> list[Result]:
    """Apply `work` to each item; on a CPU, torch's threads take one item each. Results are those of one thread."""
    with_grad = torch.is_grad_enabled()

    def alone(item: Given) -> Result:
        with torch.set_grad_enabled(with_grad):
            return work(item)

    with shared_threads(device) as workers:
        return [result for _, result in read_ahead(items, alone, Feed(workers if workers > 1 else 0))]
