"""What figures are computed with, as far as their last digits depend on it."""

import hashlib
import platform
import sys
from importlib import metadata

import numpy as np
import scipy.linalg

from ground_motion.runtime.code_version import code_version

LIBRARIES = ("numpy", "scipy", "shapely", "pyproj", "rasterio")


def versions() -> dict[str, str]:
    """Return name -> version of the code, Python, its numerical libraries, the machine and its arithmetic."""
    return {
        "code": code_version(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "machine": platform.machine(),
        "arithmetic": arithmetic(),
        **{name: metadata.version(name) for name in LIBRARIES},
    }


def arithmetic() -> str:
    """Return a hash of the bits of a computation, by the routines of the figures whose bits may differ.

    Threads change the order of rounding: `verify` and the services compute with one (OMP_NUM_THREADS=1).
    """
    matrix = np.random.default_rng(0).standard_normal((300, 300))
    whole = matrix @ matrix.T + 300 * np.eye(300)
    solved = [np.linalg.cholesky(whole), np.linalg.solve(whole, matrix), scipy.linalg.cholesky(whole, lower=True)]
    solved += [*np.linalg.eigh(whole), np.linalg.pinv(matrix[:, :20])]
    return hashlib.sha256(b"".join(part.tobytes() for part in (whole, np.exp(matrix), *solved))).hexdigest()[:16]
