"""GDAL, pyarrow, OWSLib and pystac-client read what we serve: files of points, features, maps and the catalogue."""

import json
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.contrib.gis.geos import MultiPolygon
from owslib.util import ServiceException
from owslib.wms import WebMapService
from PIL import Image
from pystac_client import Client
from pystac_client.stac_api_io import StacApiIO

from ingest.foundation.storage import raster_storage
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


def test_gdal_reads_and_filters_features(gdal, live_server, make_alert, product):
    sinking, rising = make_alert(), make_alert(longitude=5.0, kind="uplift", rate_mm_yr=9.0)
    address = f"{live_server.url}/ogc/"
    alerts = gdal("features", address, "alerts", "", None)
    assert alerts["layers"] == ["alerts", "points", "products", "glaciers", "stations"]
    assert set(alerts["values"]["code"]) == {sinking.code, rising.code}
    assert gdal("features", address, "alerts", "kind = 'uplift' AND rate_mm_yr > 0", None)["values"]["code"] == [
        rising.code
    ]
    by_component = gdal("features", address, "alerts", "component = 'up' AND kind <> 'uplift'", None)
    assert by_component["values"]["code"] == [sinking.code]
    assert gdal("features", address, "alerts", "", [4, 46, 6, 48])["values"]["code"] == [rising.code]
    assert gdal("features", address, "points", "", None)["n"] == product.n_points


DAYS = ["2021-12-13", "2021-12-25"]


def is_drawn(content: bytes) -> bool:
    return bool(Image.open(BytesIO(content)).convert("RGBA").getextrema()[3][1])


@pytest.mark.parametrize("system", ["EPSG:4326", "EPSG:3857", "CRS:84"])
def test_owslib_gets_a_map_in_every_system(live_server, pair_predictions, system):
    service = WebMapService(f"{live_server.url}/ogc/wms", version="1.3.0")
    layer = service["coherence"]
    assert layer.timepositions == DAYS
    assert layer.defaulttimeposition == DAYS[-1]
    assert layer.boundingBoxWGS84[0] == pytest.approx(-12.05, abs=0.1)
    bounds = next(edges for edges in layer.crs_list if edges[4] == system)[:4]
    image = service.getmap(
        layers=["coherence"],
        styles=["default"],
        srs=system,
        bbox=bounds,
        size=(200, 160),
        format="image/png",
        transparent=True,
        time=DAYS[0],
    )
    assert is_drawn(image.read())
    assert set(layer.styles) == {"default"}
    with pytest.raises(ServiceException, match="There is no layer"):
        service.getmap(layers=["none"], srs=system, bbox=bounds, size=(9, 9), format="image/png")
    with pytest.raises(ServiceException, match="there are no ranges, lists or nearest dates"):
        service.getmap(layers=["coherence"], srs=system, bbox=bounds, size=(9, 9), format="image/png", time="2021")


def test_owslib_gets_the_velocities_that_end_on_a_day(live_server, product):
    service = WebMapService(f"{live_server.url}/ogc/wms", version="1.3.0")
    layer, last = service["velocity-ascending"], product.dates[-1].isoformat()
    assert layer.timepositions == [last]
    bounds = next(edges for edges in layer.crs_list if edges[4] == "EPSG:3857")[:4]
    asked = {
        "layers": ["velocity-ascending"],
        "srs": "EPSG:3857",
        "size": (200, 160),
        "format": "image/png",
        "transparent": True,
    }
    assert is_drawn(service.getmap(**asked, bbox=bounds, time=last).read())


@pytest.fixture
def catalogue(live_server) -> Iterator[Client]:
    reader = StacApiIO()
    yield Client.open(f"{live_server.url}/stac/", stac_io=reader)
    reader.session.close()  # a connection kept alive keeps one of the database open


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pystac_client_searches_by_geometry_order_filter_and_fields(catalogue, pair_predictions, product, method):
    around = {"type": "Polygon", "coordinates": [[[-13, 46], [-11, 46], [-11, 48], [-13, 48], [-13, 46]]]}
    search = catalogue.search(
        method=method, collections=["predictions"], intersects=around, limit=2, sortby="-datetime"
    )
    found = list(search.items())
    assert search.matched() == len(found) == len(pair_predictions)
    ends = [one.properties["end_datetime"] for one in found]
    assert ends == sorted(ends, reverse=True)
    assert len({one.id for one in found}) == len(found)
    offsets = catalogue.search(
        method=method, collections=["predictions"], filter="task = 'offsets' AND simulated = true"
    )
    assert {one.properties["task"] for one in offsets.items()} == {"offsets"}
    nowhere = {"type": "Point", "coordinates": [100, 0]}
    assert catalogue.search(method=method, intersects=nowhere).matched() == 0
    fields = {"include": ["properties.created"], "exclude": ["assets"]}
    page = next(iter(catalogue.search(method=method, collections=["velocity-fields"], fields=fields).pages_as_dicts()))
    (one,) = page["features"]
    assert "assets" not in one
    assert set(one["properties"]) == {"created", "datetime", "start_datetime", "end_datetime"}


def test_pystac_client_finds_the_queryables_and_filters_in_json(catalogue, pair_predictions):
    names = catalogue.get_queryables()["properties"]
    assert {"datetime", "simulated", "geometry"} <= set(names)
    assert "task" in catalogue.get_collection("predictions").get_queryables()["properties"]
    tree = {"op": "in", "args": [{"property": "task"}, ["coherence", "offsets"]]}
    found = catalogue.search(collections=["predictions"], filter=tree, filter_lang="cql2-json")
    assert {one.properties["task"] for one in found.items()} == {"coherence", "offsets"}
