"""Shapefiles of points, written by pyshp: in a folder, or in a zip with all their parts."""

import zipfile
from pathlib import Path

import shapefile
from pyproj import CRS

PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")


def write(
    path: Path,
    places: list[tuple[float, float]],
    table: dict[str, list],
    prj: str | int | None = 4326,
    shape_type: int = shapefile.POINT,
    encoding: str = "utf-8",
) -> Path:
    """One shape and one row a place. prj: EPSG number or the text of the .prj; None leaves it out."""
    with shapefile.Writer(str(path), shapeType=shape_type, encoding=encoding) as writer:
        for name, values in table.items():
            writer.field(name, *_field(values))
        for place, row in zip(places, zip(*table.values(), strict=True), strict=True):
            draw = {
                shapefile.POINT: lambda x, y: writer.point(x, y),
                shapefile.POINTZ: lambda x, y: writer.pointz(x, y, 560.0),
                shapefile.POINTM: lambda x, y: writer.pointm(x, y, 1.0),
                shapefile.MULTIPOINT: lambda x, y: writer.multipoint([(x, y)]),
            }
            draw[shape_type](*place)
            writer.record(*row)
    if prj is not None:
        path.with_suffix(".prj").write_text(CRS.from_epsg(prj).to_wkt("WKT1_ESRI") if isinstance(prj, int) else prj)
    path.with_suffix(".cpg").write_text(encoding)
    return path


def zipped(path: Path, into: Path, folder: str = "") -> Path:
    """All parts of a shapefile in a zip."""
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        for suffix in PARTS:
            if path.with_suffix(suffix).exists():
                archive.write(path.with_suffix(suffix), f"{folder}{path.stem}{suffix}")
    return into


def _field(values: list) -> tuple[str, int, int]:
    """Type, width and decimals of a column, as GDAL writes them."""
    known = [value for value in values if value is not None]
    if all(isinstance(value, int) for value in known):
        return "N", 18, 0
    return ("N", 24, 15) if all(isinstance(value, int | float) for value in known) else ("C", 80, 0)
