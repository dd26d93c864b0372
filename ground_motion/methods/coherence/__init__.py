"""Coherence of two detected images, and its change relative to earlier pairs."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from ground_motion.core.errors import gettext_noop as _
from ground_motion.runtime.methods import Method

NETWORK, SICA, MIX = "residual-unet", "sica-residual-unet", "linear-mix"
WINDOW_PX = 9  # The classical methods average over this window.
SAMPLE_WINDOW = (5, 5)  # Default window of networks, rows and columns in px; SICA was trained with this one only.
SLACK_PX = 8  # Two cuts of one product's grid may differ by a few pixels.
WIDEST_PX = 31  # largest side of a window, px
AREA_PX = 14  # Side of the smallest area in which a change is reported, px.


@dataclass(frozen=True, kw_only=True)
class CoherenceMethod(Method):
    """A method of estimating coherence. Its code, of a network: (device, name of the card) -> `CoherenceNetwork`.

    Any other code: linear power (2, rows, cols), window in px and the pair's speckle -> coherence and its sigma.

    Attributes:
        window_is_input: whether it is a network that is told the window
        one_look: whether it takes each pixel for a single look
        area_share: sigma of the mean coherence over AREA_PX, divided by that of a single estimate. The windows of
            classical estimators have independent errors; a network's errors are shared by a whole parcel.
    """

    task: ClassVar[str] = "coherence"
    window_is_input: bool = False
    one_look: bool = False
    area_share: float = WINDOW_PX / AREA_PX

    def parameters(self) -> dict[str, Any]:
        """Return the window of a classical method."""
        return {} if self.weights else {"window_px": WINDOW_PX}


@dataclass(frozen=True, kw_only=True)
class ChangeMethod(Method):
    """A method of comparing a pair with its predecessors. Its code: as `coherence.compared.compare`."""

    task: ClassVar[str] = "coherence-change"

    def parameters(self) -> dict[str, Any]:
        """Return the limits of predecessors and of confirmation."""
        from ground_motion.methods.coherence import change, confirm  # The web process needs no numerics.

        return {
            "fewest_predecessors": change.MIN_PREDECESSORS,
            "most_predecessors": change.MAX_PREDECESSORS,
            "confirmed_at_sigma": [confirm.HIGH_SIGMA, confirm.LOW_SIGMA],
            "fewest_spanning": confirm.MIN_SPANNING,
        }


METHODS = (
    CoherenceMethod(
        NETWORK,
        "10",
        _("neural network"),
        code="ground_motion.methods.coherence.network:load_shipped",
        network=NETWORK,
        weights="coherence",
        window_is_input=True,
        area_share=1.0,
        order=10,
    ),
    CoherenceMethod(
        SICA,
        "3",
        _("neural network for one window"),
        code="ground_motion.methods.coherence.network:load_shipped",
        weights=SICA,
        order=20,
    ),
    CoherenceMethod(
        MIX,
        "2",
        _("linear estimator with learned weights"),
        code="ground_motion.methods.coherence.network:load_shipped",
        weights=MIX,
        window_is_input=True,
        order=30,
    ),
    CoherenceMethod(
        "guarnieri-prati",
        "3",
        _("estimator of Guarnieri and Prati"),
        code="ground_motion.methods.coherence.baseline:guarnieri_prati",
        order=40,
    ),
    CoherenceMethod(
        "pearson",
        "3",
        _("sample coherence"),
        code="ground_motion.methods.coherence.baseline:pearson",
        one_look=True,
        order=50,
    ),
    CoherenceMethod(
        "posterior-mean",
        "3",
        _("posterior mean"),
        code="ground_motion.methods.coherence.baseline:posterior_mean",
        order=60,
    ),
    ChangeMethod(
        "robust-z", "6", _("robust standard score"), code="ground_motion.methods.coherence.compared:compare", order=10
    ),
)


def window_of(text: str) -> tuple[int, int]:
    """Read a window, rows x columns in px, from text such as 3x11. ValueError if the text is no window."""
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    sides = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(side % 2 and 1 <= side <= WIDEST_PX for side in sides) or max(sides) < 3:
        raise ValueError(f"{text!r} is no window: give two odd numbers from 1 to {WIDEST_PX}, not 1x1, such as 3x11")
    return sides
