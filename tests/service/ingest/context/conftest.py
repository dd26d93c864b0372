"""Simulated files of context: small, with one quantity known beforehand."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import shapefile
from pyproj import CRS

GEONAMES_FIELDS = 19


def square(west: float, south: float, side: float = 1.0) -> list:
    """A closed ring, counterclockwise."""
    east, north = west + side, south + side
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


@pytest.fixture
def make_geojson(tmp_path: Path) -> Callable[..., Path]:
    """Write a FeatureCollection; features: (properties, geometry or a ring)."""

    def make(*features, name: str = "made.geojson", **more) -> Path:
        made = []
        for properties, geometry in features:
            shape = {"type": "Polygon", "coordinates": [geometry]} if isinstance(geometry, list) else geometry
            made.append({"type": "Feature", "properties": properties, "geometry": shape})
        path = tmp_path / name
        path.write_text(json.dumps({"type": "FeatureCollection", "features": made, **more}))
        return path

    return make


@pytest.fixture
def make_geonames(tmp_path: Path) -> Callable[..., Path]:
    """Write a GeoNames table; places: (name, latitude, longitude, population, country[, class, code])."""

    def make(*places, name: str = "cities500.txt") -> Path:
        lines = []
        for number, (title, latitude, longitude, population, country, *feature) in enumerate(places, start=1):
            fields = [""] * GEONAMES_FIELDS
            fields[0], fields[1], fields[4], fields[5] = str(number), title, str(latitude), str(longitude)
            fields[6:9] = [*(feature or ("P", "PPL")), country]
            fields[14] = str(population)
            lines.append("\t".join(fields))
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n")
        return path

    return make


@pytest.fixture
def make_csv(tmp_path: Path) -> Callable[..., Path]:
    def make(header: str, *rows: str, name: str = "made.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(("\n".join([header, *rows]) + "\n").encode(encoding))
        return path

    return make


@pytest.fixture
def make_shapefile(tmp_path: Path) -> Callable[..., Path]:
    """Write a shapefile of one field per property; epsg None leaves the .prj out."""

    def make(*features, name: str = "made", epsg: int | None = 4326) -> Path:
        path = tmp_path / f"{name}.shp"
        with shapefile.Writer(str(path), shapeType=shapefile.POLYGON) as writer:
            for field in features[0][0]:
                writer.field(field, "C", 60)
            for properties, ring in features:
                writer.poly([ring[::-1]])  # outer rings run clockwise there
                writer.record(**properties)
        if epsg is not None:
            path.with_suffix(".prj").write_text(CRS.from_epsg(epsg).to_wkt("WKT1_ESRI"))
        return path

    return make
