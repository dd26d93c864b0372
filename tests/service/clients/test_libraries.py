"""GDAL, pyarrow, OWSLib and pystac-client read what we serve: files of points, features, maps and the catalogue."""

import json
import zipfile
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from owslib.ogcapi.features import Features
from owslib.util import ServiceException
from owslib.wms import WebMapService
from PIL import Image
from pystac_client import Client
from pystac_client.stac_api_io import StacApiIO

from ingest.models import MeasurementPoint, Product
from monitor.open_data.extracts import services

pytestmark = pytest.mark.django_db(transaction=True)


def made(product: Product, file_format: str, folder: Path) -> Path:
    wish = {"area": product.footprint.buffer(0.01), "file_format": file_format, "with_series": True}
    path = folder / f"points{services.KINDS[file_format].suffix}"
    with services.extract_open(**wish, points=services.points_of(**wish)) as file:
        path.write_bytes(file.read())
    return path


def test_gdal_and_pyarrow_read_points_and_series(gdal, product, tmp_path):
    inside = {"gpkg": "{}", "csv": "/vsizip/{}"}
    opened = gdal(
        "points", *(place.format(made(product, file_format, tmp_path)) for file_format, place in inside.items())
    )
    point = MeasurementPoint.objects.filter(product=product).order_by("pid").first()
    for file_format, layers in zip(inside, opened, strict=True):
        (layer,) = (layer for name, layer in layers.items() if name.startswith(f"d{product.pk}_"))
        values = layer["values"]
        assert values["pid"][0] == point.pid
        assert float(values["velocity_mm_yr"][0]) == pytest.approx(point.velocity_mm_yr, rel=1e-5)
        assert {f"d{day:%Y%m%d}" for day in product.dates} <= values.keys()
        if file_format != "csv":
            assert layer["kind"] == "Point"
            assert layer["crs"] == "EPSG:4326"
            assert layer["first"] == pytest.approx(point.position.coords, abs=1e-6)
    with zipfile.ZipFile(made(product, "parquet", tmp_path)) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith(".parquet"))
        path = Path(archive.extract(name, tmp_path))
    table = pq.read_table(path)
    assert table.num_rows == product.n_points
    assert json.loads(table.schema.metadata[b"data_set"])["positive"] == "toward the satellite"
    assert json.loads(table.schema.metadata[b"geo"])["columns"]["geometry"]["encoding"] == "WKB"
    assert table[f"d{product.dates[0]:%Y%m%d}"].null_count < table.num_rows


def test_gdal_and_owslib_read_and_filter_features(gdal, live_server, make_alert, product):
    sinking, rising = make_alert(), make_alert(longitude=5.0, kind="uplift", rate_mm_yr=9.0)
    wanted = [
        ("", None, {sinking.code, rising.code}),
        ("kind = 'uplift' AND rate_mm_yr > 0", None, {rising.code}),
        ("component = 'up' AND kind <> 'uplift'", None, {sinking.code}),
        ("", [4, 46, 6, 48], {rising.code}),
    ]
    asked = [("alerts", where, box) for where, box, _ in wanted]
    asked += [("points", "", None), ("series", "", None)]
    *found, points, series = gdal("features", f"{live_server.url}/ogc/", *asked)
    grounds = ["alerts", "points", "series", "products", "buildings", "regions", "glaciers", "stations"]
    assert points["layers"] == grounds
    # A column that begins with null has its type by the schema, and so has one without any value.
    assert [one["types"]["peak_low_mm_yr"] for one in found] == ["float64"] * len(found)
    assert [points["types"][name] for name in ("rmse_mm", "product", "simulated")] == ["float64", "int32", "bool"]
    assert np.asarray(series["values"]["displacement_mm"][0]).shape == (len(product.dates),)
    assert points["n"] == product.n_points
    assert [set(one["values"]["code"]) for one in found] == [codes for *_, codes in wanted]
    features = Features(f"{live_server.url}/ogc/")
    assert features.feature_collections() == points["layers"]
    described = features.api()
    assert described["openapi"] == "3.0.3"
    assert described["components"]["parameters"]["limit"]["schema"]["maximum"] == 1000  # QGIS looks there
    near = features.collection_items("points", bbox=[12, 37, 15, 40], limit=5)
    assert (near["numberReturned"], near["features"][0]["properties"]["product"]) == (5, product.pk)
    assert features.collection_item("alerts", sinking.code)["properties"]["kind"] == "subsidence"


DAYS = ["2021-12-13", "2021-12-25"]


def test_owslib_gets_a_map_of_each_kind_in_every_system(live_server, pair_predictions, product):
    service = WebMapService(f"{live_server.url}/ogc/wms", version="1.3.0")
    last, shape = product.dates[-1].isoformat(), {"size": (200, 160), "format": "image/png", "transparent": True}
    for name, days in (("coherence", DAYS), ("velocity-ascending", [last])):
        layer = service[name]
        assert (layer.timepositions, layer.defaulttimeposition, set(layer.styles)) == (days, days[-1], {"default"})
        assert {edges[4] for edges in layer.crs_list} >= {"EPSG:4326", "EPSG:3857", "CRS:84"}
        for *bounds, system in layer.crs_list:
            asked = shape | {"srs": system, "bbox": bounds}
            image = service.getmap(layers=[name], styles=["default"], time=days[0], **asked)
            drawn = np.array(Image.open(BytesIO(image.read())).convert("RGBA"))[..., 3]
            assert drawn.any(), (name, system)
            # The client leaves out what it does not know, and writes I and J from `xy`.
            click = asked | {"xy": np.argwhere(drawn)[len(np.argwhere(drawn)) // 2][::-1], "feature_count": 1}
            told = service.getfeatureinfo(layers=[name], time=days[0], info_format="application/json", **click)
            assert len(json.load(told)["features"]) == 1, (name, system)
    assert service["coherence"].boundingBoxWGS84[0] == pytest.approx(-12.05, abs=0.1)
    with pytest.raises(ServiceException, match="There is no layer"):
        service.getmap(layers=["none"], **asked)
    with pytest.raises(ServiceException, match="there are no ranges, lists or nearest dates"):
        service.getmap(layers=["coherence"], time="2021", **asked)


def test_pystac_client_searches_by_geometry_order_and_filter(request, live_server, pair_predictions, product):
    reader = StacApiIO()
    request.addfinalizer(reader.session.close)  # a connection kept alive keeps one of the database open
    catalogue = Client.open(f"{live_server.url}/stac/", stac_io=reader)
    collections = {one.id: one for one in catalogue.get_collections()}
    assert set(collections) == {"velocity-fields", "radar-images", "predictions", "alerts"}
    (item,) = collections["velocity-fields"].get_items()
    assert item.properties["file_sha256"] == product.file_sha256
    around = {"type": "Polygon", "coordinates": [[[-13, 46], [-11, 46], [-11, 48], [-13, 48], [-13, 46]]]}
    for method in ("GET", "POST"):
        of_models = partial(catalogue.search, method=method, collections=["predictions"])
        search = of_models(intersects=around, limit=2, sortby="-datetime")
        found = list(search.items())
        assert search.matched() == len(found) == len(pair_predictions)
        ends = [one.properties["end_datetime"] for one in found]
        assert ends == sorted(ends, reverse=True)
        assert len({one.id for one in found}) == len(found)
        offsets = of_models(filter="task = 'offsets' AND simulated = true")
        assert {one.properties["task"] for one in offsets.items()} == {"offsets"}
        assert of_models(intersects={"type": "Point", "coordinates": [100, 0]}).matched() == 0
    names = catalogue.get_queryables()["properties"]
    assert {"datetime", "simulated", "geometry"} <= set(names)
    assert "task" in catalogue.get_collection("predictions").get_queryables()["properties"]
    tree = {"op": "in", "args": [{"property": "task"}, ["coherence", "offsets"]]}
    found = catalogue.search(collections=["predictions"], filter=tree, filter_lang="cql2-json")
    assert {one.properties["task"] for one in found.items()} == {"coherence", "offsets"}
