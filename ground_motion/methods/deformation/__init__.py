"""Detection of deformation in velocity fields: points are gridded, and each cell gets a probability and a rate."""

from dataclasses import asdict, dataclass
from pkgutil import resolve_name
from typing import Any, ClassVar

from ground_motion.core.errors import gettext_noop as _
from ground_motion.runtime.methods import Method

DEFAULT_METHOD = "model"  # Command and service use this method unless the settings name another.


@dataclass(frozen=True, kw_only=True)
class DeformationMethod(Method):
    """A method of detecting deformation. Its code: (tracks, config, device, pieces) -> `deformation.infer` result.

    config: "module:name" of what makes its config, a dataclass; empty for none.
    """

    task: ClassVar[str] = "deformation"
    code: str = "ground_motion.methods.deformation.infer:detect_all_with"
    config: str = ""

    def new_config(self) -> Any:
        """Return the config with which the method runs."""
        return resolve_name(self.config)() if self.config else None

    def parameters(self) -> dict[str, Any]:
        """Return the constants of its config, with the network and settings of its card if it has one."""
        constants, card = asdict(self.new_config()) if self.config else {}, self.card()
        return constants | ({"network": card.network, "settings": card.settings} if card else {})


METHODS = (
    DeformationMethod(
        "matched-filter",
        "3",
        _("matched filter"),
        config="ground_motion.methods.deformation.filters.baseline:MatchedFilterConfig",
        order=10,
    ),
    DeformationMethod(
        "threshold",
        "3",
        _("threshold of velocity"),
        config="ground_motion.methods.deformation.filters.baseline:ThresholdConfig",
        order=20,
    ),
    DeformationMethod(
        "ada",
        "2",
        _("active deformation areas"),
        config="ground_motion.methods.deformation.filters.hotspots:AdaConfig",
        order=30,
    ),
    DeformationMethod(
        "getis-ord",
        "2",
        _("hot spots (Getis–Ord)"),
        config="ground_motion.methods.deformation.filters.hotspots:GetisOrdConfig",
        order=40,
    ),
    DeformationMethod(
        "whitening",
        "3",
        _("whitened matched filter"),
        config="ground_motion.methods.deformation.whitening:WhiteningConfig",
        order=50,
    ),
    DeformationMethod(
        "gls",
        "6",
        _("generalised least squares"),
        config="ground_motion.methods.deformation.bowls.detector:LeastSquaresConfig",
        order=60,
    ),
    DeformationMethod(
        "overwrapped-cnn",
        "2",
        _("neural network on wrapped phase"),
        config="ground_motion.methods.deformation.overwrapped:OverwrappedConfig",
        weights="overwrapped-cnn",
        order=70,
    ),
    DeformationMethod(
        DEFAULT_METHOD,
        "17",
        _("neural network"),
        config="ground_motion.methods.deformation.nation:NetworkConfig",
        network="deformation-unet",
        weights="deformation",
        order=80,
    ),
    DeformationMethod(
        "network",
        "16",
        _("neural network alone"),
        config="ground_motion.methods.deformation.nation:NETWORK_ALONE",
        weights="deformation",
        order=90,
    ),
    DeformationMethod(
        "without-network",
        "16",
        _("decision without the neural network"),
        config="ground_motion.methods.deformation.nation:WITHOUT_NETWORK",
        weights="deformation",
        order=100,
    ),
)
