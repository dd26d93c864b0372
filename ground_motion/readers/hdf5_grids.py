"""Regular pixel grid as HDF5 products describe it: positions of its pixels, and checks that they are plausible."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import ProjError
from rasterio.io import DatasetReader

from ground_motion.core.errors import InputError, refusing
from ground_motion.core.geometry import METRES_PER_DEGREE
from ground_motion.core.projections import EARTH, is_metric, transformer
from ground_motion.core.text import number_of
from ground_motion.readers import raster
from ground_motion.readers.records import Float64

GEOGRAPHIC = 4326
FINEST_DEGREES, COARSEST_DEGREES = 1e-6, 1.0  # 0.1 m, 100 km
FINEST_M, COARSEST_M = 0.1, 100_000.0
MAX_WKT_LETTERS = 20_000
REMEDY = "Give the file as it was published"
_TOLERANCE = 1e-3  # Positions may differ by this share of a pixel.


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Pixel grid. x, y: centre of the first pixel; dx, dy: step per column, row; degrees if EPSG:4326, else metres."""

    x: float
    dx: float
    y: float
    dy: float
    rows: int
    cols: int
    epsg: int = GEOGRAPHIC

    @property
    def posting_m(self) -> float:
        """The larger of the two spacings, metres on the ground."""
        if self.metric_epsg:
            return max(abs(self.dx), abs(self.dy))
        if self.epsg != GEOGRAPHIC:
            longitude, latitude = self.positions(np.array([0, 1, 0]), np.array([0, 0, 1]))
            return float(max(EARTH.inv(longitude[[0, 0]], latitude[[0, 0]], longitude[1:], latitude[1:])[2]))
        return float(max(abs(self.dy), abs(self.dx) * np.cos(np.radians(self.y))) * METRES_PER_DEGREE)

    @property
    def metric_epsg(self) -> int | None:
        """The reference system of a grid in metres on the ground; None for degrees, web maps and zones far away."""
        place = (float(degrees[0]) for degrees in self.positions(np.zeros(1, np.int64), np.zeros(1, np.int64)))
        return self.epsg if is_metric(self.epsg, *place) else None

    @classmethod
    def from_image(cls, path: Path, image: DatasetReader) -> "Grid":
        """Return the grid of an image that is not rotated. Raises InputError."""
        to_map = image.transform
        if to_map.b or to_map.d:
            raise InputError(path, "its rows do not run from west to east", "Warp it (gdalwarp) first")
        x, y = to_map @ (0.5, 0.5)
        place = {"x": x, "dx": to_map.a, "y": y, "dy": to_map.e, "rows": image.height, "cols": image.width}
        return cls(**place, epsg=raster.epsg_of(path, image)).checked(path)

    def positions(self, row: NDArray[np.int64], col: NDArray[np.int64]) -> tuple[Float64, Float64]:
        """Return longitude and latitude of pixels, (n,) each, degrees."""
        x = self.x + col.astype(np.float64) * self.dx
        y = self.y + row.astype(np.float64) * self.dy
        if self.epsg != GEOGRAPHIC:
            longitude, latitude = transformer(self.epsg, GEOGRAPHIC).transform(x, y)
            return np.asarray(longitude), np.asarray(latitude)
        return x, y

    def fits(self, other: "Grid") -> bool:
        """Return whether all pixels of both grids lie at the same places."""
        if (self.rows, self.cols, self.epsg) != (other.rows, other.cols, other.epsg):
            return False
        corners = [(self.x, other.x, self.dx), (self.y, other.y, self.dy)]
        corners += [(self.x + self.cols * self.dx, other.x + other.cols * other.dx, self.dx)]
        corners += [(self.y + self.rows * self.dy, other.y + other.rows * other.dy, self.dy)]
        return all(abs(ours - theirs) <= abs(step) * _TOLERANCE for ours, theirs, step in corners)

    def checked(self, path: Path) -> "Grid":
        """Return the grid. Raises InputError for an impossible spacing; the gate checks where its points lie."""
        finest, coarsest = (FINEST_DEGREES, COARSEST_DEGREES) if self.epsg == GEOGRAPHIC else (FINEST_M, COARSEST_M)
        if not all(finest <= abs(step) <= coarsest for step in (self.dx, self.dy)):
            unit = "degrees" if self.epsg == GEOGRAPHIC else "metres"
            problem = f"its pixels are {self.dx:g} x {self.dy:g} {unit} apart"
            raise InputError(path, problem, "Check the spacing and the unit of the coordinates")
        return self


def metric_crs(path: Path, epsg: int) -> CRS:
    """Return the projected system of an EPSG number. Raises InputError if unknown or not in metres."""
    with refusing(path, f"EPSG:{epsg} is not a known reference system", "State the right one", ProjError):
        crs = CRS.from_epsg(epsg)
    if not crs.is_projected or any(axis.unit_name not in {"metre", "meter"} for axis in crs.axis_info[:2]):
        raise InputError(path, f"EPSG:{epsg} ({crs.name}) does not measure in metres", "State the right one")
    return crs


def mapped_epsg(path: Path, stated: Mapping[str, str]) -> int:
    """Return the EPSG number that a CF grid mapping states, or that its WKT or parameters have. Raises InputError.

    stated: the mapping's attributes, as texts. The number is the only part of them that is used.
    """
    number = next((stated[key] for key in ("spatial_epsg", "epsg_code", "epsg") if stated.get(key)), "")
    wkt = (stated.get("crs_wkt") or stated.get("spatial_ref") or "")[:MAX_WKT_LETTERS]
    codes: set[int | None] = set()
    shown = (number or wkt or "neither EPSG number nor WKT")[:60]
    faults = (ProjError, KeyError, TypeError, ValueError, OverflowError)
    with refusing(path, f"its grid mapping names no reference system ({shown!r})", REMEDY, *faults):
        if number:
            codes.add(int(float(number.upper().removeprefix("EPSG:"))))
        if wkt:
            codes.add(CRS.from_wkt(wkt).to_epsg(min_confidence=25))
        elif not number:
            numbers = {key: value for key, text in stated.items() if (value := number_of(text)) is not None}
            codes.add(CRS.from_cf({**stated, **numbers}).to_epsg(min_confidence=25))
    if len(codes - {None}) != 1:
        named = " and ".join(f"EPSG:{code}" for code in sorted(code for code in codes if code))
        raise InputError(path, f"its grid mapping names {named or 'no EPSG number'}", REMEDY)
    (epsg,) = (code for code in codes if code)
    metric_crs(path, epsg)
    return epsg


def evenly(path: Path, name: str, values: Float64) -> tuple[float, float]:
    """Return (first value, step) of coordinates. Raises InputError if they are not evenly spaced."""
    if values.size < 2:
        raise InputError(path, f"{name} holds {values.size} coordinates", "Give a grid of at least two by two pixels")
    step = float((values[-1] - values[0]) / (values.size - 1))
    even = values[0] + np.arange(values.size) * step
    if step == 0 or np.abs(values - even).max() > abs(step) * 0.01:
        raise InputError(path, f"the coordinates {name} are not evenly spaced", REMEDY)
    return float(values[0]), step
