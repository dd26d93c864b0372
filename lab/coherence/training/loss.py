"""Loss of a coherence network: squared error, and the likelihood of that error under the stated sigma."""

import torch
from torch import Tensor

from ml.coherence.network import Estimate


def coherence_loss(estimate: Estimate, truth: Tensor) -> Tensor:
    """Return the loss over known pixels, a scalar. truth: (n, rows, cols), NaN unknown."""
    known = torch.isfinite(truth)
    error = (estimate.coherence - truth)[known]
    sigma = estimate.sigma[known]
    return 20 * (error**2).mean() + 0.2 * (torch.log(sigma) + error.detach() ** 2 / (2 * sigma**2)).mean()
