"""Which device the numerics run on, and in which precision. Nothing here touches CUDA at import."""

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

AUTO, FLOAT32, BFLOAT16 = "auto", "float32", "bfloat16"


def choose_device(wish: str = "auto") -> torch.device:
    """Turn auto, cpu or cuda into a device. ValueError where CUDA is wished for and there is none."""
    if wish == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wish == "cuda" and not torch.cuda.is_available():
        raise ValueError("no CUDA device is available; use --device cpu or auto")
    return torch.device(wish)


def low_precision(device: torch.device) -> AbstractContextManager[Any]:
    """bfloat16 where the hardware multiplies in it, else nothing."""
    if precision(device) == BFLOAT16:
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


def precision(device: torch.device) -> str:
    """What networks multiply in on a device: bfloat16 where it is fast, unless ML_PRECISION=float32 forbids it.

    ValueError for any other ML_PRECISION than that and auto.
    """
    wish = os.environ.get("ML_PRECISION") or AUTO
    if wish not in (AUTO, FLOAT32):
        raise ValueError(f"ML_PRECISION is {wish!r}; use {AUTO} or {FLOAT32}")
    return BFLOAT16 if wish == AUTO and (device.type == "cuda" or has_fast_bfloat16()) else FLOAT32


def has_fast_bfloat16() -> bool:
    """Whether this CPU multiplies in bfloat16, by tile units (AMX) or AVX-512: a step takes half as long."""
    held = torch.cpu.get_capabilities()
    return bool(held.get("amx_bf16", False) or held.get("avx512_bf16", False))


def numerics(device: torch.device) -> list[str]:
    """What the last bits of a result may depend on beside code and weights. Pieces made otherwise are not put together.

    On a CPU the number of threads is among them: it decides in which order a network adds up.
    """
    common = [torch.__version__, precision(device)]
    if device.type == "cuda":
        return [*common, torch.cuda.get_device_name(device)]
    return [*common, torch.backends.cpu.get_cpu_capability(), f"{torch.get_num_threads()} threads"]
