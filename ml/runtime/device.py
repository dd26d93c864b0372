"""Device and precision of the numerics. Nothing here touches CUDA at import."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import nn

AUTO, FLOAT32, TF32, BFLOAT16 = "auto", "float32", "tf32", "bfloat16"
Network = TypeVar("Network", bound=nn.Module)


def choose_device(wish: str = "auto") -> torch.device:
    """Turn auto, cpu or cuda into a device. ValueError where CUDA is wished for and there is none."""
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
    """Use bfloat16 where `precision` says so, else `full_precision`, which also holds for what stays in float32."""
    with full_precision(device), torch.autocast(device.type, torch.bfloat16, enabled=precision(device) == BFLOAT16):
        yield


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Use float32 with all its digits.

    Else a GPU multiplies it with ten bits (TF32), which is for ML_PRECISION=tf32.
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
    """Return the precision that networks multiply in on a device.

    It is bfloat16 where that is fast, unless ML_PRECISION=float32 forbids it or ML_PRECISION=tf32 has a GPU multiply in
    that, and a CPU in float32.

    ValueError for any other ML_PRECISION than these and auto.
    """
    wish = os.environ.get("ML_PRECISION") or AUTO
    if wish not in (AUTO, FLOAT32, TF32):
        raise ValueError(f"ML_PRECISION is {wish!r}; use {AUTO}, {TF32} or {FLOAT32}")
    if wish == TF32 and device.type == "cuda":
        return TF32
    return BFLOAT16 if wish == AUTO and (device.type == "cuda" or has_fast_bfloat16()) else FLOAT32


def input_type(device: torch.device) -> torch.dtype:
    """Return the type that a network in `low_precision` converts its input to."""
    return torch.bfloat16 if precision(device) == BFLOAT16 else torch.float32


def has_fast_bfloat16() -> bool:
    """Return whether this CPU multiplies in bfloat16, by tile units (AMX) or AVX-512: a step takes half as long."""
    held = torch.cpu.get_capabilities()
    return bool(held.get("amx_bf16", False) or held.get("avx512_bf16", False))


def numerics(device: torch.device) -> list[str]:
    """Return what the last bits of a result may depend on beside code and weights.

    Pieces made otherwise are not put together.

    On a CPU the number of threads is among them: it decides in which order a network adds up.
    """
    common = [torch.__version__, precision(device)]
    if device.type == "cuda":
        return [*common, torch.cuda.get_device_name(device)]
    return [*common, torch.backends.cpu.get_cpu_capability(), f"{torch.get_num_threads()} threads"]
