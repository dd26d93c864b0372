"""Extracts of OpenStreetMap as GeoPackage and in Geofabrik's zip, made without GDAL; a raster of people."""

import sqlite3
import struct
import zipfile
from pathlib import Path

import numpy as np
import shapefile
from affine import Affine
from pyproj import CRS
from shapely import to_wkb
from shapely.geometry.base import BaseGeometry

from tests.makers.geotiff import write

SCHEMA = """
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT, srs_id INTEGER PRIMARY KEY, organization TEXT,
    organization_coordsys_id INTEGER, definition TEXT);
CREATE TABLE gpkg_contents (table_name TEXT PRIMARY KEY, data_type TEXT, identifier TEXT, srs_id INTEGER);
CREATE TABLE gpkg_geometry_columns (table_name TEXT, column_name TEXT, geometry_type_name TEXT, srs_id INTEGER,
    z INTEGER, m INTEGER);
INSERT INTO gpkg_spatial_ref_sys VALUES ('WGS 84', 4326, 'EPSG', 4326, '');
"""


def gpkg(path: Path, tables: dict[str, tuple[str, list[tuple[dict[str, str | None], BaseGeometry]]]]) -> Path:
    """Write a GeoPackage; tables: name -> (geometry type, [(columns, geometry in degrees)])."""
    with sqlite3.connect(path) as file:
        file.executescript(SCHEMA)
        for name, (kind, rows) in tables.items():
            columns = list(rows[0][0])
            file.execute("INSERT INTO gpkg_contents VALUES (?, 'features', ?, 4326)", [name, name])
            file.execute("INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', ?, 4326, 0, 0)", [name, kind])
            named = "".join(f', "{column}" TEXT' for column in columns)
            file.execute(f'CREATE TABLE "{name}" (fid INTEGER PRIMARY KEY, geom BLOB{named})')
            for values, geometry in rows:
                blob = b"GP\0\1" + struct.pack("<i", 4326) + to_wkb(geometry)
                file.execute(f'INSERT INTO "{name}" VALUES (NULL, ?{", ?" * len(columns)})', [blob, *values.values()])
    file.close()
    return path


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
