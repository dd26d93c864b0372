"""Offsets between two detected images: where the ground of the reference lies in the secondary."""

from dataclasses import dataclass
from typing import Any, ClassVar

from ground_motion.core.errors import gettext_noop as _
from ground_motion.runtime.methods import Method

POSTING_PX = 8
NEAR_PX = 6  # Offsets up to this are searched everywhere.
MAX_SEARCH_PX = 128  # A search is widened at most to this.
SEARCH_KERNELS_PX = (32, 64)  # Sizes are of the full-size image; the smallest with a match that stands out is used.
CHANCE_MARGIN = 1.5
CORRELATION_KERNELS_PX = (24, 32, 48, 64)
COARSE_KERNELS, FINE_KERNEL = (32, 64), 32  # Whitened correlation uses these windows, px.


@dataclass(frozen=True, kw_only=True)
class OffsetsMethod(Method):
    """A method of tracking offsets. Its code: (row, `offsets.infer.Searched`) -> bands of `offsets.baseline`.

    Attributes:
        kernels_px: sides of its windows of correlation, or of those of the search that it begins with
        chance_margin: by how many standard deviations a match must exceed chance, for correlation
    """

    task: ClassVar[str] = "offsets"
    kernels_px: tuple[int, ...] = SEARCH_KERNELS_PX
    chance_margin: float = CHANCE_MARGIN

    def parameters(self) -> dict[str, Any]:
        """Return its windows, the limits of the search and the posting."""
        return {
            "kernels_px": self.kernels_px,
            "near_px": NEAR_PX,
            "farthest_px": MAX_SEARCH_PX,
            "posting_px": POSTING_PX,
        }


METHODS = (
    OffsetsMethod(
        "model",
        "13",
        _("neural network"),
        code="ground_motion.methods.offsets.infer:node_bands",
        network="offsets-network",
        weights="offsets",
        order=10,
    ),
    OffsetsMethod(
        "law", "5", _("correlation at whole pixels"), code="ground_motion.methods.offsets.infer:node_bands", order=20
    ),
    OffsetsMethod(
        "cc-res-siamnet",
        "4",
        _("neural network as published"),
        code="ground_motion.methods.offsets.infer:node_bands",
        weights="cc-res-siamnet",
        order=30,
    ),
    OffsetsMethod(
        "multi-kernel",
        "4",
        _("correlation with several windows"),
        code="ground_motion.methods.offsets.infer:correlation_bands",
        kernels_px=CORRELATION_KERNELS_PX,
        order=40,
    ),
    OffsetsMethod(
        "ncc",
        "5",
        _("normalised cross-correlation"),
        code="ground_motion.methods.offsets.infer:correlation_bands",
        kernels_px=(32,),
        chance_margin=0.0,
        order=50,
    ),
    OffsetsMethod(
        "whitened",
        "6",
        _("whitened correlation"),
        code="ground_motion.methods.offsets.infer:correlated_whitened",
        kernels_px=(*COARSE_KERNELS, FINE_KERNEL),
        order=60,
    ),
)
