"""Extracts of OpenStreetMap as GeoPackage and in Geofabrik's zip, made without GDAL; a raster of people."""

import zipfile
from pathlib import Path

import numpy as np
import shapefile
from affine import Affine
from pyproj import CRS

from tests.makers.generic import gpkg as gpkg
from tests.makers.geotiff import write


def geofabrik(path: Path, layers: dict[str, list[tuple[str, list]]]) -> Path:
    """Write a zip of shapefiles with the columns osm_id, fclass and tunnel; layers: name -> [(fclass, parts)]."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in layers.items():
            shape = shapefile.POLYGON if "_a_" in name else shapefile.POLYLINE
            base = path.with_name(name)
            with shapefile.Writer(str(base), shapeType=shape) as writer:
                for field in ("osm_id", "fclass", "tunnel"):
                    writer.field(field, "C", 28)
                for number, (fclass, parts) in enumerate(rows):
                    (writer.poly if shape == shapefile.POLYGON else writer.line)(parts)
                    writer.record(str(number), fclass, "F")
            base.with_suffix(".prj").write_text(CRS.from_epsg(4326).to_wkt("WKT1_ESRI"))
            for suffix in (".shp", ".dbf", ".prj"):
                archive.write(base.with_suffix(suffix), base.with_suffix(suffix).name)
                base.with_suffix(suffix).unlink()
    return path


def people(path: Path, count: np.ndarray, **changes) -> Path:
    """Write people per cell: by default cells of 0.001 degrees from 10° E, 50° N to the south-east, nodata -99999."""
    place = {"transform": Affine(0.001, 0, 10.0, 0, -0.001, 50.0), "nodata": -99999.0}
    return write(path, count.astype(np.float32), **place | changes)
