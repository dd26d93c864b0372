"""A layer is loaded wholly or not at all, once, and a newer one takes its place only on request."""

import numpy as np
import pytest
from django.contrib.gis.geos import Polygon
from django.core.management import call_command
from django.utils import translation

from ground_motion.core.errors import AlreadyLoaded, InputError
from ground_motion.readers.context.records import ContextKind
from ingest.context import selectors
from ingest.context.regions import region_by_name
from ingest.context.services import context_load, layer_delete
from ingest.models import ContextLayer, ElevationTile, Glacier, Landslide, Place
from tests.service.ingest.context.conftest import square
from tests.service.ingest.context.test_readers import LANDSLIDES, LIST, RGI

pytestmark = pytest.mark.django_db


def test_a_file_is_loaded_once_and_a_newer_edition_replaces_the_older_one_only_when_asked_to(make_geonames):
    path = make_geonames(("Aldwick", 50.78, -0.71, 12_000, "GB"), ("Hill", 50.7, -0.7, 0, "GB", "T", "HLL"))
    layer = context_load(path=path)
    assert (layer.kind, layer.name, layer.n_features, layer.n_refused) == ("places", "cities500", 1, 1)
    assert layer.attribution.startswith("Place names: GeoNames")
    with pytest.raises(AlreadyLoaded):
        context_load(path=path)
    newer = make_geonames(("New", 50, 0, 1, "GB"), ("Newer", 51, 0, 1, "GB"))
    with pytest.raises(InputError, match="--replace"):
        context_load(path=newer)
    assert [place.name for place in Place.objects.all()] == ["Aldwick"]
    context_load(path=newer, replace=True)
    assert {place.name for place in Place.objects.all()} == {"New", "Newer"}
    assert ContextLayer.objects.count() == 1


def test_a_fault_in_the_last_row_loads_nothing_and_keeps_the_older_layer(make_csv):
    context_load(path=make_csv("name,latitude,longitude", "Old,1,2"), kind=ContextKind.PLACES)
    broken = make_csv("name,latitude,longitude", *[f"P{n},1,2" for n in range(3000)], "Swapped,-99,19")
    with pytest.raises(InputError, match="swapped"):
        context_load(path=broken, replace=True)
    assert [place.name for place in Place.objects.all()] == ["Old"]
    with pytest.raises(InputError, match="nothing in it can be used"):
        context_load(path=make_csv("name,latitude,longitude", "A,,"), replace=True)
    assert ContextLayer.objects.count() == 1


def test_a_list_of_surges_raises_the_flags_of_glaciers_and_an_outline_replaces_a_position(make_csv, make_geojson):
    inventory = make_csv(RGI, "RGI60-07.01,G016561E78093N,16.561,78.093,1,Known", "RGI60-07.02,,17,77,0,Calm")
    listed = make_csv(
        LIST, "S,RGI50-07.9,G016561E78093N,Known,1,78.093,16.561", "S,,,Only listed,1,79,18", name="surges.csv"
    )
    for order in ((inventory, listed), (listed, inventory)):
        for layer in ContextLayer.objects.all():
            layer_delete(layer=layer)
        for path in order:
            context_load(path=path)
        shown = dict(Glacier.objects.filter(shown=True).values_list("name", "surge"))
        assert shown == {"Known": "observed", "Calm": "none", "Only listed": "observed"}
    outline = {"RGIId": "RGI60-07.01", "Surging": "1", "Name": "Known", "GLIMSId": "G016561E78093N"}
    context_load(path=make_geojson((outline, square(16, 78)), name="outlines.geojson"))
    assert Glacier.objects.get(shown=True, name="Known").outline is not None


def test_a_tile_keeps_slope_and_aspect_and_leaves_no_row_without_its_raster_and_no_raster_without_its_row(
    make_dem, monkeypatch, django_capture_on_commit_callbacks
):
    with monkeypatch.context() as patch:
        patch.setattr("ingest.context.services.write_cog", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            context_load(path=make_dem())
    assert not ContextLayer.objects.exists()
    layer = context_load(path=make_dem())
    tile = ElevationTile.objects.get(layer=layer)
    assert (tile.epsg, tile.rows, tile.cols, tile.posting_m) == (32632, 40, 50, 30.0)
    ground = selectors.ground_at(area=tile.footprint)
    assert ground.slope_deg == pytest.approx(np.degrees(np.arctan(0.1)), abs=0.05)
    assert ground.aspect_deg == pytest.approx(270, abs=0.2)  # it rises to the east
    assert ground.elevation_m == pytest.approx(500 + 3 * 24.5, abs=0.5)
    assert selectors.ground_at(area=Polygon.from_bbox((0, 0, 1, 1))) is None
    assert tile.raster.storage.exists(tile.raster.name)
    with django_capture_on_commit_callbacks(execute=True):
        layer_delete(layer=layer)
    assert not tile.raster.storage.exists(tile.raster.name)


# ---- reading ----
def test_a_search_ranks_the_very_name_then_beginnings_then_words_and_then_people(make_geonames):
    context_load(
        path=make_geonames(
            ("Newaldwick", 1, 1, 9_000_000, "GB"),
            ("Port Aldwick", 2, 2, 5_000_000, "GB"),
            ("Aldwickham", 3, 3, 10, "GB"),
            ("Aldwick Regis", 4, 4, 100, "GB"),
            ("Áldwick", 5, 5, 1, "GB"),
        )
    )
    names = [place.name for place in selectors.place_search(text="aldwick")]
    assert names == ["Áldwick", "Aldwick Regis", "Aldwickham", "Port Aldwick"]
    assert [place.name for place in selectors.place_search(text="port ald")] == ["Port Aldwick"]
    assert selectors.place_search(text="' OR 1=1 --") == []
    assert selectors.place_search(text="a") == []
    assert len(selectors.place_search(text="aldwick", limit=2)) == 2


def test_a_region_is_found_with_its_largest_part_and_its_name_is_kept_as_plain_text(make_geojson):
    two = {"type": "MultiPolygon", "coordinates": [[square(0, 0, 5)], [square(100, 50, 0.1)]]}
    name = "Two\u000bpart\u202e of \u0000\ufffe"
    context_load(path=make_geojson(({"name": name, "featurecla": "Admin-0 country", "admin": "Twopart"}, two)))
    (match,) = selectors.place_search(text="two")
    assert match.bounds == (0, 0, 5, 5)
    assert (match.name.strip(), match.level) == ("Two part of", 0)


def test_the_nearest_place_of_many_points_comes_with_distance_and_direction_and_real_ones_name_no_simulated_ground(
    make_geonames, django_assert_num_queries
):
    context_load(path=make_geonames(("Aldwick", 50.0, 10.0, 1000, "DE"), ("Far", 52.0, 10.0, 1000, "DE")))
    points = [(10.0, 49.973, False)] * 50
    with django_assert_num_queries(2):
        where = selectors.whereabouts_of(points=[*points, (40.0, 0.0, False)])
    near = where[0].near
    assert near.name == "Aldwick"
    assert near.distance_m == pytest.approx(3003, abs=5)
    assert near.bearing_deg == pytest.approx(180, abs=0.1)
    assert (len(where), where[-1].near) == (51, None)
    context_load(path=make_geonames(("Made", 50.0, 10.1, 1000, ""), name="made.txt"), simulated=True)
    real, made = selectors.whereabouts_of(points=[(10.05, 50.0, False), (10.05, 50.0, True)])
    assert (real.near.name, made.near.name) == ("Aldwick", "Made")


def test_places_and_regions_are_named_and_found_in_the_language_of_the_reader(make_csv, make_geojson):
    context_load(path=make_csv("name,latitude,longitude,name_de,name_xx", "Vienna,48.2,16.4,Wien,Other"))
    country = {"name": "Austria", "name_de": "Österreich", "featurecla": "Admin-0 country", "admin": "Austria"}
    province = {"name": "Lower Austria", "name_de": "Niederösterreich", "featurecla": "Admin-1", "admin": "Austria"}
    context_load(path=make_geojson((country, square(10, 40, 20)), (province, square(15, 45, 5))))
    for language, expected in {
        "de": ("Wien", "Niederösterreich", "Österreich"),
        "fr": ("Vienna", "Lower Austria", "Austria"),
    }.items():
        with translation.override(language):
            where = selectors.whereabouts_of(points=[(16.4, 48.1, False)])[0]
            assert (where.near.name, where.region, where.country) == expected
            for text in ("Wien", "Vienna"):
                (match,) = selectors.place_search(text=text)
                assert (match.name, match.rank) == (expected[0], 0)
            assert region_by_name(text="österreich").title == expected[2]
            assert region_by_name(text="Austria").title == expected[2]
    assert "Other" not in str(Place.objects.values().get())


def test_an_area_states_all_that_is_known_of_it(make_geojson, make_csv, make_dem):
    mine = {"COUNTRY_NAME": "X", "ISO3_CODE": "XXX", "AREA": 1, "name": "Pit"}
    context_load(path=make_geojson((mine, square(9, 46, 2)), name="mines.geojson"))
    context_load(path=make_geojson(({"name": "Ice"}, square(9, 46, 2)), name="ice.json"), kind=ContextKind.GLACIERS)
    near, far = ("7,09/25/2015,46.99,9.01,Landslide,Rain,Unknown,Small,", "8,09/25/2015,46.8,9.01,Landslide,Rain,,,")
    context_load(path=make_csv(LANDSLIDES, near, far))
    area = Polygon.from_bbox((9.0, 46.94, 9.02, 46.95))
    context = selectors.context_at(area=area)
    assert [mine.name for mine in context.mines] == ["Pit"]
    assert [ice.name for ice in context.glaciers] == ["Ice"]
    assert [slide.event_id for slide in context.landslides] == ["7"]
    assert context.ground is None
    settled = [ContextKind.BUILDINGS, ContextKind.ROADS, ContextKind.RAILWAYS, ContextKind.POPULATION]
    assert context.missing == [ContextKind.REGIONS, ContextKind.PLACES, ContextKind.ELEVATION, *settled]
    context_load(path=make_dem())
    assert selectors.context_at(area=area).ground.slope_deg == pytest.approx(5.71, abs=0.05)


# ---- the command ----
def test_the_command_loads_a_folder_and_lists_what_is_missing_and_a_bad_file_gets_one_line(
    make_geonames, make_csv, capsys
):
    path = make_geonames(("Aldwick", 50.0, 10.0, 1000, "DE"))
    call_command("loadcontext", "auto", str(path.parent))
    call_command("loadcontext", "--list")
    output = capsys.readouterr().out
    assert "loaded as places (cities500), 1 features" in output
    assert "missing  mines: with them, alerts in mines say so" in output
    with pytest.raises(SystemExit) as ended:
        call_command("loadcontext", "places", str(make_csv("name,latitude", "A,1")))
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.parametrize("kind", list(ContextKind))
def test_nonsense_is_refused_as_every_kind(tmp_path, kind):
    contents = (b"", b"\x00\xff" * 50, b"a,b\n1,2\n")
    for number, suffix in enumerate((".csv", ".json", ".shp", ".tif", ".zip", ".txt", ".exe"), len(kind.value)):
        path = tmp_path / f"nonsense{suffix}"
        path.write_bytes(contents[number % 3])
        with pytest.raises(InputError):
            context_load(path=path, kind=kind)
    assert not ContextLayer.objects.exists()


# ---- real files ----
REAL_FILES = {  # name: features and refused rows
    "landslides_nasa/Global_Landslide_Catalog_Export.csv": (1692, 1),
    "rgi_surge/GeodatabaseSTglaciers.csv": (2269, 22),
    "rgi_surge/07_rgi60_Svalbard.csv": (1615, 0),
    "natural_earth/ne_110m_admin_0_countries.json": (177, 0),
    "natural_earth/ne_50m_admin_1_states_provinces.json": (100, 0),
    "natural_earth/ne_50m_glaciated_areas.json": (377, 0),
    "glacier_kaskawulsh/glacier_V1_Kaskawulsh_s_inwardBuffer600m.shp": (1, 0),
    "mexicocity_s1/cropA_T005A_dem.tif": (1, 0),
}


@pytest.mark.realdata
def test_real_files_load_with_these_counts_and_answer_questions(real_data):
    for name, counts in REAL_FILES.items():
        is_ice = "glaci" in name and not name.startswith("rgi")
        layer = context_load(path=real_data / name, kind=ContextKind.GLACIERS if is_ice else None)
        assert (layer.n_features, layer.n_refused) == counts, name
    mexico = selectors.context_at(area=Polygon.from_bbox((-99.12, 19.39, -99.10, 19.41)))
    assert mexico.whereabouts.region == "Mexico"
    assert 2217 <= mexico.ground.elevation_m <= 2287
    assert mexico.ground.slope_deg < 5
    assert [place.name for place in selectors.place_search(text="calif")] == ["California"]
    svalbard = Glacier.objects.filter(glacier_id__startswith="RGI60-07")
    # 103 observed in the inventory itself; the list of surges raises others
    assert svalbard.filter(surge_in_file="observed").count() == 103
    assert svalbard.filter(surge="observed").count() > 200
    assert Landslide.objects.filter(accuracy_m__isnull=False).count() > 1500
