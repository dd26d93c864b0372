"""Buildings, roads, railways and people: read as OpenStreetMap and its extracts have them, counted on an area."""

import numpy as np
import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from shapely import LineString, MultiLineString, Point, box

from ground_motion.core.errors import InputError
from ground_motion.readers.context.records import ContextKind, LineClass, WaterClass
from ingest.context.exposure import exposed_in
from ingest.context.services import context_load
from ingest.models import Building, ContextLayer, PopulationTile, TransportLine
from tests.makers import streetmap
from tests.service.ingest.context.conftest import square
from tests.service.ingest.context.test_readers import refusal, rows

HOUSE = box(10.001, 49.991, 10.0012, 49.9912)
AREA = MultiPolygon(Polygon.from_bbox((10.0, 49.99, 10.01, 50.0)), srid=4326)
KM_EAST, KM_NORTH = 0.717, 1.112  # of 0.01 degrees at 50° N
LINES = """{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"name": "A road"},
    "geometry": {"type": "LineString", "coordinates": [[10, 50], [10.1, 50]]}}]}"""


def osm(tmp_path):
    """What ogr2ogr makes of a dump: everything in one table per geometry, rare tags as text."""
    tags = {"name": None, "building": None, "landuse": None}
    lines = {"highway": None, "other_tags": None}
    along = [
        ({"highway": "primary_link"}, [(9.995, 49.995), (10.005, 49.995)]),
        ({"highway": "residential"}, [(10.002, 49.98), (10.002, 50.01)]),
        ({"highway": "footway"}, [(10, 49.99), (10.01, 50)]),
        ({"other_tags": '"railway"=>"rail","tunnel"=>"yes"'}, [(10, 49.993), (10.01, 49.993)]),
        ({"other_tags": '"waterway"=>"canal"'}, [(10, 49.995), (10.01, 49.995)]),
        ({"other_tags": '"waterway"=>"ditch"'}, [(10, 49.996), (10.01, 49.996)]),
        ({"other_tags": '"railway"=>"abandoned"'}, [(10, 49.994), (10.01, 49.994)]),
    ]
    areas = [({"building": "house"}, HOUSE), ({"landuse": "forest"}, box(10, 49, 11, 50)), ({"building": "no"}, HOUSE)]
    layers = {
        "multipolygons": ("MULTIPOLYGON", [(tags | own, shape) for own, shape in areas]),
        "points": ("POINT", [(tags | {"building": "yes"}, Point(10.002, 49.992))]),
        "lines": ("LINESTRING", [(lines | own, LineString(places)) for own, places in along]),
    }
    return streetmap.gpkg(tmp_path / "extract.gpkg", layers)


def test_an_extract_as_geopackage_gives_each_kind_its_own(tmp_path):
    path = osm(tmp_path)
    buildings, left = rows(path, "buildings")
    assert [(round(one.longitude, 4), round(one.latitude, 4)) for one in buildings] == [
        (10.0011, 49.9911),
        (10.002, 49.992),
    ]
    assert len(left) == 1  # building=no; the forest is not even read
    roads, _ = rows(path, "roads")
    assert [road.line_class for road in roads] == [LineClass.MAIN, LineClass.OTHER]
    (rail,), _ = rows(path, "railways")
    assert (rail.line_class, rail.tunnel) == (LineClass.RAIL, True)
    (canal,), left = rows(path, "rivers")
    assert canal == (WaterClass.RIVER, "", MultiLineString([[(10, 49.995), (10.01, 49.995)]]))
    assert {one.text for one in left} == {"no waterway: what else the file holds"}


def test_of_a_zip_of_many_layers_the_one_of_the_kind_is_taken(tmp_path):
    path = streetmap.geofabrik(
        tmp_path / "velmark-latest-free.shp.zip",
        {
            "gis_osm_buildings_a_free_1": [("building", [square(10, 49, 0.001)[::-1]])],
            "gis_osm_landuse_a_free_1": [("forest", [square(10, 49)[::-1]])],
            "gis_osm_roads_free_1": [("motorway", [[[10, 49], [10.1, 49]]]), ("track_grade2", [[[10, 49], [10, 50]]])],
            "gis_osm_water_a_free_1": [("reservoir", [square(10, 49)[::-1]]), ("wetland", [square(11, 49)[::-1]])],
            "gis_osm_waterways_free_1": [("stream", [[[10, 49], [10.1, 49]]]), ("drain", [[[10, 49], [10, 50]]])],
            "gis_osm_railways_free_1": [("narrow_gauge", [[[10, 49], [10.1, 49]]])],
        },
    )
    assert len(rows(path, "buildings")[0]) == 1
    assert [one.water_class for one in rows(path, "rivers")[0] + rows(path, "lakes")[0]] == [
        WaterClass.STREAM,
        WaterClass.LAKE,
    ]
    (road,), (track,) = rows(path, "roads")
    assert (road.line_class, road.tunnel, track.refused) == (LineClass.MAIN, False, True)
    assert len(rows(path, "railways")[0]) == 1
    assert "holds 6 layers" in refusal(path, "mines")


@pytest.mark.parametrize(
    ("name", "content", "kind", "message"),
    [
        ("extract.osm.pbf", "no extract", "buildings", "ogr2ogr"),
        ("extract.osm", "no extract", "roads", "Geofabrik"),
        ("x.gpkg", "no extract", "roads", "GeoPackage"),
        ("lines.geojson", LINES, "roads", "'highway' or 'fclass'"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_way_out(tmp_path, name, content, kind, message):
    (tmp_path / name).write_text(content)
    assert message in refusal(tmp_path / name, kind)


@pytest.mark.parametrize(("changes", "message"), [({"nodata": None}, "has -99999 people"), ({"crs": None}, "system")])
@pytest.mark.django_db
def test_people_are_counted_by_the_share_of_their_cells_and_another_raster_is_refused(tmp_path, changes, message):
    path = streetmap.people(tmp_path / "other.tif", np.array([[5.0, -99999.0]]), **changes)
    with pytest.raises(InputError, match=message):
        context_load(path=path, kind=ContextKind.POPULATION)
    assert not PopulationTile.objects.exists()
    count = np.full((20, 20), 10.0)
    count[0, 0] = -99999.0  # nobody
    context_load(path=streetmap.people(tmp_path / "people.tif", count), kind=ContextKind.POPULATION)
    assert PopulationTile.objects.get().people == 3990
    assert exposed_in(area=AREA).people == pytest.approx(990, rel=0.01)
    half_a_cell = MultiPolygon(Polygon.from_bbox((10.005, 49.99, 10.0055, 49.991)), srid=4326)
    assert exposed_in(area=half_a_cell).people == pytest.approx(5, rel=0.05)


@pytest.mark.django_db
def test_what_is_loaded_is_counted_and_what_is_not_is_unknown(tmp_path):
    path = osm(tmp_path)
    nothing = exposed_in(area=AREA)
    assert nothing[:5] == (None,) * 5
    assert nothing.sources == ()
    for kind in (ContextKind.BUILDINGS, ContextKind.ROADS, ContextKind.RAILWAYS):
        context_load(path=path, kind=kind, attribution="the makers")
    here = exposed_in(area=AREA)
    assert here.buildings == 2
    assert here.main_road_km == pytest.approx(0.5 * KM_EAST, rel=0.01)
    assert here.other_road_km == pytest.approx(KM_NORTH, rel=0.01)
    assert here.railway_km == pytest.approx(KM_EAST, rel=0.01)
    assert here.people is None
    assert [source.kind for source in here.sources] == ["buildings", "railways", "roads"]
    beside = exposed_in(area=MultiPolygon(Polygon.from_bbox((10.03, 49.99, 10.04, 50.0)), srid=4326))
    assert (beside.buildings, beside.railway_km) == (0, 0)  # known to be empty
    far = exposed_in(area=MultiPolygon(Polygon.from_bbox((12.0, 49.99, 12.01, 50.0)), srid=4326))
    assert far[:5] == (None,) * 5  # beyond what the extract covers
    assert exposed_in(area=AREA, simulated=True).buildings is None


@pytest.mark.django_db
def test_a_newer_extract_takes_the_place_of_the_older_one_whole(tmp_path):
    context_load(path=osm(tmp_path), kind=ContextKind.BUILDINGS)
    (tmp_path / "extract.gpkg").unlink()
    newer = streetmap.gpkg(
        tmp_path / "extract.gpkg",
        {"b": ("POLYGON", [({"fclass": "building", "osm_id": str(n)}, HOUSE) for n in range(3)])},
    )
    context_load(path=newer, kind=ContextKind.BUILDINGS, replace=True)
    assert (Building.objects.count(), ContextLayer.objects.count(), TransportLine.objects.count()) == (3, 1, 0)
    assert ContextLayer.objects.get().attribution == "© OpenStreetMap contributors"
