"""Ground motion from files, without a service: what may be imported by others.

    from ground_motion import coherence, open_pair

    result = coherence(open_pair("reference.tif", "secondary.tif"))
    result.dataset  # xarray, with coordinates, CRS, units and uncertainty
    result.to_geotiff("coherence.tif")
    result.quicklook("coherence.png")

All packages in this one are internal: their names may change. Whatever takes longer than two seconds shows a bar on a
terminal; TQDM_DISABLE=1 in the environment hides it.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ground_motion.core.errors import InputError, UnusableData

# Before numpy is loaded: small matrices are solved in threads of ours, and threads of BLAS would only wait for each
# other. Torch has its own.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if TYPE_CHECKING:
    from ground_motion.pairs import Pair, coherence, offsets, open_pair
    from ground_motion.published import open
    from ground_motion.results import Result
    from ground_motion.velocities import Deformation, deformation, open_velocity

__all__ = [
    "Deformation",
    "InputError",
    "Pair",
    "Result",
    "UnusableData",
    "coherence",
    "deformation",
    "offsets",
    "open",
    "open_pair",
    "open_velocity",
]
HOMES = {  # Torch takes seconds, and the program's --help needs none.
    **dict.fromkeys(("Pair", "coherence", "offsets", "open_pair"), "ground_motion.pairs"),
    **dict.fromkeys(("Deformation", "deformation", "open_velocity"), "ground_motion.velocities"),
    "Result": "ground_motion.results",
    "open": "ground_motion.published",
}


def __getattr__(name: str) -> Any:
    """Import a name from its module when it is first used."""
    if name not in HOMES:
        raise AttributeError(f"module 'ground_motion' has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    """Return the names that may be imported."""
    return __all__
