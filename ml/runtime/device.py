"""Which device the numerics run on. Nothing here touches CUDA at import."""

import torch


def choose_device(wish: str = "auto") -> torch.device:
    """Turn auto, cpu or cuda into a device. ValueError where CUDA is wished for and there is none."""
    if wish == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wish == "cuda" and not torch.cuda.is_available():
        raise ValueError("no CUDA device is available; use --device cpu or auto")
    return torch.device(wish)
