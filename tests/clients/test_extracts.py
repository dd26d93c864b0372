"""GDAL opens the files that are made of an area's points; pyarrow opens GeoParquet, which this GDAL lacks."""

import json
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.contrib.gis.geos import MultiPolygon

from core.storage import raster_storage
from ingest.models import MeasurementPoint, Product
from monitor.subscribers.extracts import services
from monitor.wording.regions import Region, drawn, rectangle

pytestmark = pytest.mark.django_db(transaction=True)


def made(product: Product, file_format: str) -> Path:
    west, south, east, north = product.footprint.extent
    region: Region = drawn(rectangle(west - 0.01, south - 0.01, east + 0.01, north + 0.01))
    area = MultiPolygon(product.footprint.buffer(0.01), srid=4326)
    contents = services.contents_of(area=area, file_format=file_format)
    wish = {"email": "gis@example.org", "region": region, "file_format": file_format, "contents": contents}
    extract = services.extract_request(**wish)
    services.extract_confirm(extract=extract, ip="192.0.2.1")
    services.extracts_make()
    extract.refresh_from_db()
    return Path(raster_storage().path(extract.file.name))


@pytest.mark.parametrize("file_format", ["gpkg", "csv", "kmz"])
def test_gdal_reads_points_and_series(gdal, product, file_format):
    path = made(product, file_format)
    inside = {"gpkg": f"{path}", "csv": f"/vsizip/{path}", "kmz": f"/vsizip/{path}/doc.kml"}
    opened = gdal("points", inside[file_format])
    (layer,) = (name for name in opened if name.startswith(f"d{product.pk}_"))
    values, point = opened[layer]["values"], MeasurementPoint.objects.filter(product=product).order_by("pid").first()
    name = "Name" if file_format == "kmz" else "pid"
    assert values[name][0] == point.pid
    assert float(values["velocity_mm_yr"][0]) == pytest.approx(point.velocity_mm_yr, rel=1e-5)
    assert {f"d{day:%Y%m%d}" for day in product.dates} <= values.keys()
    if file_format != "csv":
        assert opened[layer]["kind"] == ("Unknown" if file_format == "kmz" else "Point")  # KML states none
        assert opened[layer]["crs"] == "EPSG:4326"
        assert opened[layer]["first"] == pytest.approx(point.position.coords, abs=1e-6)


def test_pyarrow_reads_geoparquet_and_its_metadata(product, tmp_path):
    with zipfile.ZipFile(made(product, "parquet")) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith(".parquet"))
        path = Path(archive.extract(name, tmp_path))
    table = pq.read_table(path)
    assert table.num_rows == product.n_points
    assert json.loads(table.schema.metadata[b"data_set"])["positive"] == "toward the satellite"
    assert json.loads(table.schema.metadata[b"geo"])["columns"]["geometry"]["encoding"] == "WKB"
    assert table[f"d{product.dates[0]:%Y%m%d}"].null_count < table.num_rows
