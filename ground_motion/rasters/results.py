"""Result of every method: named bands on a grid, with metadata."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ground_motion.core.errors import InputError
from ground_motion.core.rasters import RasterExtent, write_cog, write_cog_parts
from ground_motion.rasters.pieces import PieceBands

FORMATS = {"raster": "GeoTIFF", "areas": "GeoJSON", "listing": "JSON", "picture": "PNG", "points": "GeoParquet"}
SUFFIXES = {"GeoTIFF": (".tif", ".tiff"), "GeoJSON": (".geojson", ".json"), "JSON": (".json",), "PNG": (".png",)}
SUFFIXES["GeoParquet"] = (".parquet", ".geoparquet")


class RasterResult(NamedTuple):
    """Result of a run.

    bands: name -> (rows, cols) float32, NaN unknown; units: one for each band; epsg: None for a plain pixel grid.

    regions: wide motion in addition to the bands, as GeoJSON features; parameters: those used besides the constants of
    the version; note: a sentence for people, or empty; companions: keys of the products used besides the run's own.
    """

    bands: Mapping[str, NDArray[np.float32]]
    units: tuple[str, ...]
    transform: Affine
    epsg: int | None
    tags: dict[str, str]
    statistics: dict[str, Any]
    regions: Sequence[dict[str, Any]] = ()
    parameters: Mapping[str, Any] = MappingProxyType({})
    note: str = ""
    companions: Sequence[int] = ()


def require_outputs(**paths: Path | None) -> None:
    """Check that each output's folder exists and its suffix fits its content, a key of `FORMATS`. Raises InputError."""
    for content, path in paths.items():
        if path and not path.parent.is_dir():
            raise InputError(path, "its folder does not exist", "Make the folder first")
        known = SUFFIXES[FORMATS[content]]
        if path and path.suffix.lower() not in known:
            problem = f"it is written as {FORMATS[content]}, and its name does not say so"
            raise InputError(path, problem, f"Give a name that ends with {' or '.join(known)}")


def write_result(path: Path, result: RasterResult, tags: Mapping[str, str]) -> None:
    """Write the bands as COG, completely or not at all; piece by piece if they are stored in pieces."""
    tags = result.tags | dict(tags)
    if not isinstance(result.bands, PieceBands):
        write_cog(path, result.bands, result.transform, result.epsg, result.units, tags)
        return
    place = RasterExtent(result.bands.shape, result.transform, result.epsg)
    parts = (((at.row, at.col), bands) for at, bands in result.bands.blocks())
    write_cog_parts(path, place, parts, dict(zip(result.bands, result.units, strict=True)), tags)
