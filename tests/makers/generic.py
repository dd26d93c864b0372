"""Tables of points as CSV, GeoPackage, GeoParquet and shapefile, made without GDAL, and formats that only GDAL writes.

`make` is what a test calls.
"""

import json
import sqlite3
import struct
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyproj import Transformer

from ground_motion.readers.records import Component, Declaration
from ground_motion.readers.vectors import layers
from tests.makers import shapefiles
from tests.makers.sources import SINKS, Source

DATES = ("20200103", "20200715", "20210103", "20210715", "20220103")
YEARS = (0.0, 0.531, 1.002, 1.531, 2.001)  # of 365.25 days since the first
LENGTHS_PER_MM = {"mm": 1.0, "cm": 0.1, "m": 0.001}
COMMERCIAL = {"id": "CODE", "lon": "LON", "lat": "LAT", "velocity": "VEL", "date": "D{}"}


def table_of(
    n: int = 12, velocity: float = -20.0, unit: str = "mm", names: dict[str, str] = COMMERCIAL, los: bool = False
) -> dict[str, list]:
    """Columns of n points 0.001 degrees apart that move by velocity x time; velocity in the unit per year."""
    table: dict[str, list] = {
        names["id"]: [f"P{index:05d}" for index in range(n)],
        names["lon"]: [round(11.0 + 0.001 * index, 6) for index in range(n)],
        names["lat"]: [47.5] * n,
        "HEIGHT": [560.0] * n,
        names["velocity"]: [velocity] * n,
        "V_STDEV": [0.4 * LENGTHS_PER_MM[unit]] * n,
        "ACC": [0.1] * n,
        "COHERENCE": [0.9] * n,
    }
    if los:
        table |= {"LOS_EAST": [-0.62] * n, "LOS_NORTH": [-0.10] * n, "LOS_UP": [0.778] * n}
    return table | {names["date"].format(day): [velocity * year] * n for day, year in zip(DATES, YEARS, strict=True)}


def projected(table: dict[str, list], epsg: int = 25832) -> dict[str, list]:
    """Put easting and northing in the place of LON and LAT."""
    east, north = Transformer.from_crs(4326, epsg, always_xy=True).transform(table["LON"], table["LAT"])
    placed = {"EASTING": list(east), "NORTHING": list(north)}
    return placed | {name: values for name, values in table.items() if name not in {"LON", "LAT"}}


def mapping(folder: Path, text: str) -> Declaration:
    """Declare what a mapping file of that text states."""
    path = folder / "mapping.toml"
    path.write_text(text)
    return Declaration(mapping=path)


def csv_text(table: dict[str, list], delimiter: str = ",") -> str:
    rows = zip(*table.values(), strict=True)
    return "\n".join([delimiter.join(table), *(delimiter.join(str(value) for value in row) for row in rows)]) + "\n"


def make(folder: Path, kind: str = "csv", name: str = "", change=lambda table: None, **options) -> Path:
    """Write a table as csv, zip, gpkg, parquet, shp, shp.zip, fgb, gdb or gdb.zip; it may be changed first."""
    own = {key: options.pop(key) for key in ("delimiter", "epsg", "layers", "crs", "encoding") if key in options}
    table = table_of(**options)
    change(table)
    path = folder / (name or f"points.{kind}")
    makers = {"csv": _csv, "zip": _zip, "gpkg": _gpkg, "parquet": _parquet, "shp": _shp, "shp.zip": _shp_zip}
    makers |= {"fgb": _by_gdal, "gdb": _by_gdal, "gdb.zip": _gdb_zip}
    return makers[kind](path, table, **own)


def _csv(path: Path, table: dict[str, list], delimiter: str = ",") -> Path:
    path.write_text(csv_text(table, delimiter), newline="")
    return path


def _zip(path: Path, table: dict[str, list], delimiter: str = ",") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("points.csv", csv_text(table, delimiter))
    return path


def _points(table: dict[str, list], epsg: int) -> tuple[list, dict[str, list]]:
    transform = Transformer.from_crs(4326, epsg, always_xy=True).transform
    places = [shapely.Point(*transform(x, y)) for x, y in zip(table["LON"], table["LAT"], strict=True)]
    return places, {name: values for name, values in table.items() if name not in {"LON", "LAT"}}


def blob(geometry: shapely.Geometry | None, srs_id: int = 4326, envelope: int = 0) -> bytes:
    """A GeoPackage geometry: header, perhaps an envelope, well-known binary."""
    if geometry is None:
        return struct.pack("<2sBBi", b"GP", 0, 0b10001, srs_id) + shapely.to_wkb(shapely.Point())
    west, south, east, north = geometry.bounds
    box = struct.pack("<4d", west, east, south, north) if envelope else b""
    return struct.pack("<2sBBi", b"GP", 0, 1 | envelope << 1, srs_id) + box + shapely.to_wkb(geometry, byte_order=1)


def _shp(path: Path, table: dict[str, list], epsg: int = 4326) -> Path:
    places, table = _points(table, epsg)
    return shapefiles.write(path, [(place.x, place.y) for place in places], table, epsg)


def _shp_zip(path: Path, table: dict[str, list], epsg: int = 4326) -> Path:
    loose = path.parent / "loose"
    loose.mkdir(exist_ok=True)
    return shapefiles.zipped(_shp(loose / "points.shp", table, epsg), path)


def _by_gdal(path: Path, table: dict[str, list], epsg: int = 4326) -> Path:
    places, table = _points(table, epsg)
    columns = [np.array(values, object if isinstance(values[0], str) else None) for values in table.values()]
    layers._pyogrio().raw.write(
        path,
        np.array([shapely.to_wkb(place) for place in places], object),
        columns,
        list(table),
        layer="points",
        driver="FlatGeobuf" if path.suffix == ".fgb" else "OpenFileGDB",
        **({"SPATIAL_INDEX": "NO"} if path.suffix == ".fgb" else {}),  # Its index would sort the points.
        geometry_type="Point",
        crs=f"EPSG:{epsg}",
    )
    return path


def _gdb_zip(path: Path, table: dict[str, list], epsg: int = 4326) -> Path:
    folder = _by_gdal(path.with_name("loose.gdb"), table, epsg)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.iterdir():
            archive.write(file, f"{folder.name}/{file.name}")
    return path


def _gpkg(path: Path, table: dict[str, list], epsg: int = 4326, layers: tuple[str, ...] = ("points",)) -> Path:
    places, table = _points(table, epsg)
    rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    tables = {layer: ("POINT", list(zip(rows, places, strict=True))) for layer in layers}
    return gpkg(path, tables, epsg, envelopes=True)


def gpkg(
    path: Path,
    tables: dict[str, tuple[str, list[tuple[dict[str, object], shapely.Geometry]]]],
    epsg: int = 4326,
    envelopes: bool = False,
) -> Path:
    """Write a GeoPackage; tables: name -> (geometry type, [(columns, geometry)]). envelopes: of every second row."""
    path.unlink(missing_ok=True)
    file = sqlite3.connect(path)
    file.executescript("""
        PRAGMA application_id = 1196444487;
        CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT, srs_id INTEGER PRIMARY KEY, organization TEXT,
            organization_coordsys_id INTEGER, definition TEXT, description TEXT);
        CREATE TABLE gpkg_contents (table_name TEXT PRIMARY KEY, data_type TEXT, identifier TEXT, description TEXT,
            last_change DATETIME, min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER);
        CREATE TABLE gpkg_geometry_columns (table_name TEXT, column_name TEXT, geometry_type_name TEXT,
            srs_id INTEGER, z TINYINT, m TINYINT);
    """)
    file.execute("INSERT INTO gpkg_spatial_ref_sys VALUES ('one', ?, 'EPSG', ?, 'undefined', NULL)", [epsg, epsg])
    for layer, (kind, rows) in tables.items():
        file.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) VALUES (?, 'features', ?, ?)",
            [layer, layer, epsg],
        )
        file.execute("INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', ?, ?, 0, 0)", [layer, kind, epsg])
        kinds = {int: "INTEGER", float: "DOUBLE", str: "TEXT"}
        first = next((row for row, _ in rows if row), {})
        columns = "".join(f', "{name}" {kinds.get(type(value), "TEXT")}' for name, value in first.items())
        file.execute(f'CREATE TABLE "{layer}" (fid INTEGER PRIMARY KEY, geom {kind}{columns})')
        for index, (row, geometry) in enumerate(rows):
            values = [blob(geometry, epsg, envelopes * (index % 2)), *row.values()]
            file.execute(f'INSERT INTO "{layer}" VALUES (NULL{", ?" * len(values)})', values)
    file.commit()
    file.close()
    return path


def _parquet(
    path: Path, table: dict[str, list], epsg: int = 4326, crs: object = "by number", encoding: str = "WKB"
) -> Path:
    places, table = _points(table, epsg)
    stored = [shapely.to_wkb(place) for place in places]
    geometry = (
        pa.array([{"x": p.x, "y": p.y} for p in places]) if encoding == "point" else pa.array(stored, pa.binary())
    )
    described: dict = {"encoding": encoding, "geometry_types": ["Point"]}
    if crs == "by number":
        described["crs"] = {"type": "GeographicCRS", "id": {"authority": "EPSG", "code": epsg}}
    elif crs != "left out":
        described["crs"] = crs
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": described}}
    written = pa.table({**table, "geometry": geometry}).replace_schema_metadata({"geo": json.dumps(geo)})
    pq.write_table(written, path, row_group_size=5, write_page_checksum=True)
    return path


TOWARD = Declaration(unit="mm/yr", positive="toward")
SOURCES = [
    Source("generic", partial(make, kind=kind), Component.LOS, SINKS, declared=TOWARD) for kind in ("csv", "shp")
]
