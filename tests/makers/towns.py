"""Tables of small towns, each of which sinks in its middle."""

from pathlib import Path

import numpy as np

METRES_PER_DEGREE = 111_320.0


def town(longitude: float, latitude: float, seed: int = 1, n: int = 30) -> np.ndarray:
    """Points 50 m apart that sink by 25 mm/yr in the middle, (n * n, 3): degrees, mm/yr."""
    rng, along = np.random.default_rng(seed), (np.arange(n) - (n - 1) / 2) * 50
    x, y = (axis.ravel() for axis in np.meshgrid(along, along))
    rate = -25 * np.exp(-(np.hypot(x, y) ** 2) / 250**2) + rng.normal(0, 0.4, x.size)
    east = longitude + x / (METRES_PER_DEGREE * np.cos(np.radians(latitude)))
    return np.column_stack([(east + 180) % 360 - 180, latitude + y / METRES_PER_DEGREE, rate])


def write_points(path: Path, points: np.ndarray) -> Path:
    """Write points (n, 3) as a table of which unit and sign must be declared."""
    lines = [f"P{number},{x:.6f},{y:.6f},{rate:.2f}" for number, (x, y, rate) in enumerate(points)]
    path.write_text("\n".join(["id,lon,lat,vel", *lines]) + "\n")
    return path
