"""Results as xarray datasets with names, units and coordinates, written as GeoTIFF or drawn for a quick look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from ground_motion.core.rasters import write_cog
from ground_motion.rasters.quicklook import draw
from ground_motion.rasters.results import require_outputs

File = str | PathLike[str]
LOS_SIGN = "positive toward the satellite (or up, or east)"
VARIABLES = {  # name: what it is, its sign or how it is meant
    "reference": ("backscatter of the earlier image", "linear power"),
    "secondary": ("backscatter of the later image", "linear power"),
    "coherence": ("coherence of the pair", "0 to 1"),
    "coherence_sigma": ("standard deviation of the coherence", ""),
    "scatterers_coherence": ("coherence over a narrow window, in which change is sought", "0 to 1"),
    "scatterers_coherence_sigma": ("standard deviation of scatterers_coherence", ""),
    "dx_px": ("offset along columns", "positive to the right, from reference to secondary"),
    "dy_px": ("offset along rows", "positive downward, from reference to secondary"),
    "sigma_dx_px": ("standard deviation of dx_px", ""),
    "sigma_dy_px": ("standard deviation of dy_px", ""),
    "quality": ("quality of the match", "0 to 1"),
    "probability": ("probability that the ground moves against its surroundings", "0 to 1"),
    "rate_mm_yr": ("rate", LOS_SIGN),
    "smallest_rate_mm_yr": ("rate at which nine of ten bowls about 1,600 m across would be found", "a magnitude"),
    "rate_sigma_mm_yr": ("standard deviation of the rate", "as the file states it"),
    "displacement_mm": ("displacement since the file's first date", LOS_SIGN),
    "height_m": ("height", "above any common level"),
    "temporal_coherence": ("temporal coherence", "0 to 1"),
    "rmse_mm": ("scatter of the series about its model", ""),
    **{f"los_{way}": (f"{way} part of the unit vector to the satellite", "") for way in ("east", "north", "up")},
}


def describe(name: str, unit: str) -> dict[str, str]:
    """Return the attributes of a variable: units, long_name and, where it has one, sign."""
    long_name, sign = VARIABLES.get(name, (f"probability of {name.replace('_', ' ')}", "0 to 1"))
    return {"units": unit, "long_name": long_name} | ({"sign": sign} if sign else {})


def raster_dataset(
    bands: Mapping[str, NDArray[np.float32]],
    units: Sequence[str],
    transform: Affine,
    epsg: int | None,
    attributes: Mapping[str, Any],
) -> xr.Dataset:
    """Return bands (rows, cols) as a dataset (y, x) with the coordinates of pixel centres.

    The system stands in the coordinate `spatial_ref`, as CF and rioxarray write it. ValueError for a rotated grid.
    """
    if transform.b or transform.d:
        raise ValueError("the grid of the images is rotated: resample them to a grid along x and y")
    rows, cols = next(iter(bands.values())).shape
    place = {"GeoTransform": " ".join(map(repr, transform.to_gdal()))}
    if epsg:
        place |= CRS.from_epsg(epsg).to_cf() | {"epsg": epsg}
    unit = {"units": "m" if epsg and CRS.from_epsg(epsg).is_projected else "degrees" if epsg else "px"}
    return xr.Dataset(
        {name: (("y", "x"), bands[name], describe(name, of)) for name, of in zip(bands, units, strict=True)},
        {
            "y": ("y", transform.f + transform.e * (np.arange(rows) + 0.5), unit),
            "x": ("x", transform.c + transform.a * (np.arange(cols) + 0.5), unit),
            "spatial_ref": ((), 0, place),
        },
        dict(attributes),
    )


@dataclass(frozen=True)
class Result:
    """A raster: the result of a method, or what was made of it.

    Attributes:
        dataset: Variables (y, x), float32, NaN where unknown, each with `units`, `long_name` and `sign`; the coordinate
            `spatial_ref` has the system. Its attributes name method, version and inputs, and summarise the result.
    """

    dataset: xr.Dataset

    @property
    def epsg(self) -> int | None:
        """EPSG code of the system; None for images that are a plain grid of pixels."""
        epsg = self.dataset.spatial_ref.attrs.get("epsg")
        return None if epsg is None else int(epsg)

    @property
    def transform(self) -> Affine:
        """Place of the grid, from (column, row) to (x, y); follows when a part of the dataset is chosen."""
        whole = Affine.from_gdal(*map(float, self.dataset.spatial_ref.attrs["GeoTransform"].split()))
        west, north = float(self.dataset.x[0]), float(self.dataset.y[0])
        col, row = ~whole @ (west, north)
        return whole @ Affine.translation(round(col - 0.5), round(row - 0.5))

    def to_geotiff(self, path: File) -> None:
        """Write all variables (y, x) as one Cloud-Optimised GeoTIFF, float32, NaN unknown, as the command line does.

        Args:
            path: File to write; it appears whole or not at all.

        Raises:
            InputError: If its folder does not exist, or its suffix is of another format.
        """
        require_outputs(raster=Path(path))
        bands, tags = self._bands(), {key: value for key, value in self.dataset.attrs.items() if isinstance(value, str)}
        units = [str(self.dataset[name].attrs.get("units", "1")) for name in bands]
        write_cog(Path(path), bands, self.transform, self.epsg, units, tags)

    def quicklook(self, path: File) -> None:
        """Draw the main variables side by side, or all if none is a result of this library; write a PNG.

        Args:
            path: File to write.

        Raises:
            InputError: If its folder does not exist, or its suffix is of another format.
        """
        require_outputs(picture=Path(path))
        title = str(self.dataset.attrs.get("model_version", self.dataset.attrs.get("title", "")))
        draw(Path(path), self._bands(), self.transform, self.epsg, title)

    def _bands(self) -> dict[str, NDArray[np.float32]]:
        return {
            str(name): np.asarray(variable.values, dtype=np.float32)
            for name, variable in self.dataset.data_vars.items()
            if variable.dims == ("y", "x")
        }
