"""Each kind of context is read as its format says, row by row; what cannot be used is refused with a reason."""

from datetime import date

import pytest

from ground_motion.core.errors import InputError
from ground_motion.core.text import repair_mojibake, search_key
from ground_motion.readers.context import open_layer, recognise
from ground_motion.readers.context.glaciers import position_in_glims_id
from ground_motion.readers.context.landslides import accuracy
from ground_motion.readers.context.records import ContextKind, Remark, Surge
from tests.makers.damage import zip_of
from tests.service.ingest.context.conftest import square

LANDSLIDES = "id,date,latitude,longitude,landslide_type,trigger,location_accuracy,landslide_size,near"
RGI = "RGIId,GLIMSId,CenLon,CenLat,Surging,Name"
LIST = "Country,RGI_ID,GLIMS_ID,Glacier_Name,Number of dated surges,CENLAT,CENLON"


def rows(path, kind: str | None = None) -> tuple[list, list[Remark]]:
    with open_layer(path, ContextKind(kind) if kind else None) as file:
        records = list(file.rows())
    return [row for row in records if not isinstance(row, Remark)], [row for row in records if isinstance(row, Remark)]


def refusal(path, kind: str | None = None) -> str:
    with pytest.raises(InputError) as caught:
        rows(path, kind)
    assert str(path) in str(caught.value)
    return str(caught.value)


# ---- regions ----
NATURAL_EARTH = {"NAME": "Made", "ADMIN": "Made", "featurecla": "Admin-0 country"}


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        (NATURAL_EARTH, ("Made", "Made", 0, "")),
        ({"NAME": "Made", "ISO_3166_2": "MA-1", "featurecla": "Admin-1", "admin": "X"}, ("Made", "X", 1, "MA-1")),
        ({"shapeName": "Made", "shapeISO": "MA-2", "shapeGroup": "MAD"}, ("Made", "MAD", 1, "MA-2")),
        ({"NAME_LATN": "Made", "NUTS_ID": "MA123", "LEVL_CODE": 3, "CNTR_CODE": "MA"}, ("Made", "MA", 3, "MA123")),
        ({"name": "Made", "code": "-99", "level": 2}, ("Made", "", 2, "")),
        (
            {"NAME_0": "X", "NAME_1": "Above", "NAME_2": "Made", "GID_2": "X.1.2", "VARNAME_2": "M"},
            ("Made", "X", 2, "X.1.2"),
        ),
        ({"ADM0_EN": "X", "ADM1_EN": "Made", "ADM1_PCODE": "X01", "ADM0_PCODE": "X0"}, ("Made", "X", 1, "X01")),
        ({"ADM1_AR": "مصنوع", "ADM1_EN": "Made", "ADM0_EN": "X"}, ("Made", "X", 1, "")),
        ({"code": "73", "nom": "Made"}, ("Made", "", 1, "73")),
        ({"STATE_CODE": "1", "STATE_NAME": "Made"}, ("Made", "", 1, "")),
    ],
)
def test_regions_have_the_code_and_level_of_their_source(make_geojson, properties, expected):
    path = make_geojson((properties, square(0, 0)))
    assert "featurecla" not in properties or recognise(path) is ContextKind.REGIONS
    ((region,), _) = rows(path, "regions")
    assert (region.name, region.country, region.level, region.code) == expected


def test_regions_without_an_outline_or_a_name_are_refused_one_by_one_and_a_crossing_outline_is_mended(make_geojson):
    hole = {"type": "Polygon", "coordinates": [square(0, 0, 3), square(1, 1)[::-1]]}
    path = make_geojson(
        ({"name": "Good"}, square(0, 0)),
        ({"name": "Bow"}, [[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]),
        ({"name": "Holed"}, hole),
        ({"name": "No outline"}, None),
        ({"name": ""}, square(2, 0)),
        ({"name": "Not a number"}, [[0, 0], [1, 0], [1, float("nan")], [0, 0]]),
        ({"name": "A line"}, {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}),
    )
    taken, refused = rows(path, "regions")
    assert {region.name: region.outline.area for region in taken} == pytest.approx({"Good": 1, "Bow": 2, "Holed": 8})
    assert all(region.outline.is_valid for region in taken)
    assert [remark.refused for remark in refused] == [True] * 4


WARDS = [({"ward_no": n, "city_name": "Made"}, square(n, 0)) for n in range(10)]


@pytest.mark.parametrize(
    ("features", "kind", "message"),
    [
        ([({"colour": "red"}, square(0, 0))], "regions", "no property 'name'"),
        ([({"name": "What"}, square(0, 0))], None, "does not identify the kind"),
        ([({"name": "Off"}, square(10, 100))], "regions", "latitude and longitude are swapped"),
        ([({"name": "Off"}, square(500_000, 5_000_000, 1000))], "regions", "EPSG:4326"),
        (WARDS, "regions", "no property 'name' (found: city_name, ward_no)"),  # many outlines share a name
    ],
)
def test_outlines_that_cannot_be_used_say_why(make_geojson, features, kind, message):
    assert message in refusal(make_geojson(*features), kind)


@pytest.mark.parametrize("text", ["", "{", '{"type": "FeatureCollection"}', '{"type": "Point"}', "[1]", "\x00\x01"])
def test_a_broken_geojson_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "broken.geojson"
    path.write_text(text)
    assert "\n" not in refusal(path, "regions")


# ---- places ----
def test_geonames_gives_places_where_people_live(make_geonames):
    path = make_geonames(
        ("Aldwick", 50.78, -0.71, 12_000, "GB"),
        ("A hill", 50.8, -0.7, 0, "GB", "T", "HLL"),
        ("Gone", 50.9, -0.7, 0, "GB", "P", "PPLW"),
    )
    path.write_text(path.read_text().replace("Aldwick\t\t\t", "Aldwick\t\tEaldwic,Aldwych\t"))
    assert recognise(path) is ContextKind.PLACES
    ((name, _, _, people, country, *_, others),), refused = rows(path)
    assert (name, people, country, others) == ("Aldwick", 12_000, "GB", ("Ealdwic", "Aldwych"))
    assert len(refused) == 2
    path.write_text(path.read_text()[:-12])
    assert "cut off" in refusal(path, "places")


def test_a_plain_table_of_places_needs_three_columns_and_places_on_earth(make_csv):
    (place,), refused = rows(make_csv("Name;Latitude;Longitude;Population", "Ålesund;62.47;6.15;67000", "Nowhere;;;"))
    assert (place.name, place.longitude, place.population) == ("Ålesund", 6.15, 67_000)
    assert [remark.text for remark in refused] == ["no position"]
    assert "no column 'longitude'" in refusal(make_csv("name,latitude", "A,1"), "places")
    taken, refused = rows(make_csv("name,latitude,longitude", "A,nan,2", "B,1,inf", "C,1,2"), "places")
    assert [place.name for place in taken] == ["C"]
    assert len(refused) == 2
    for row in ("Swapped,-99.1,19.4", "Far,10,400"):
        message = refusal(make_csv("name,latitude,longitude", "Good,1,2", row), "places")
        assert "row 3" in message
        assert "swapped" in message


def test_names_in_other_languages_come_from_columns(make_csv):
    (place,), _ = rows(make_csv("name,latitude,longitude,name_de,name_fr", "Vienna,48.2,16.4,Wien,"), "places")
    assert place.names == {"de": "Wien"}


# ---- glaciers ----
def test_rgi_flags_become_words_and_a_glims_id_spells_a_position(make_csv):
    lines = [f"RGI60-07.0000{flag},G01703{flag}E76705N,  17.03,  76.70, {flag},Name{flag}" for flag in (0, 1, 2, 3, 9)]
    path = make_csv(RGI, *lines)
    assert recognise(path) is ContextKind.GLACIERS
    taken, _ = rows(path)
    assert [g.surge for g in taken] == [Surge.NONE, Surge.POSSIBLE, Surge.PROBABLE, Surge.OBSERVED, Surge.UNKNOWN]
    assert (taken[0].longitude, taken[0].latitude, taken[0].outline) == (17.03, 76.70, None)
    latin = make_csv(RGI, "RGI60-07.00001,G017035E76705N,17.0,76.7,3,Vågsbreen", encoding="latin-1")
    assert rows(latin)[0][0].name == "Vågsbreen"
    assert "surge flag is '7'" in refusal(make_csv(RGI, "RGI60-07.00001,G017035E76705N,17.0,76.7,7,"))
    assert position_in_glims_id("G213316E63499N") == pytest.approx((-146.684, 63.499))
    assert position_in_glims_id("G289936E33830S") == pytest.approx((-70.064, -33.83))
    assert position_in_glims_id("G016056E78265") is None


def test_a_list_of_surges_turns_swapped_positions_and_refuses_wrong_ones(make_csv):
    path = make_csv(
        LIST,
        "Svalbard,RGI50-07.00001,G016561E78093N,Right,1,78.093,16.561",
        "Svalbard,RGI50-07.00002,G016561E78093N,Swapped,1,16.561,78.093",
        "Canada,RGI50-01.00003,G219442E61362N,Elsewhere,1,39.12,71.53",
        "Greenland,RGI50-05.00004,G306345E69729N,Empty,0,,",
        "Mexico,,,Without ids,2,19.03,-98.63",
        encoding="utf-8-sig",
    )
    taken, remarks = rows(path)
    assert [(g.name, g.longitude, g.latitude) for g in taken] == [
        ("Right", 16.561, 78.093),
        ("Swapped", 16.561, 78.093),
        ("Without ids", -98.63, 19.03),
    ]
    assert all(g.surge is Surge.OBSERVED and g.of_surge_list for g in taken)
    assert [remark.refused for remark in remarks] == [False, True, True]


def test_a_shapefile_in_metres_comes_out_in_degrees(make_shapefile):
    ring = square(600_000, 6_700_000, 10_000)
    path = make_shapefile(({"RGIId": "RGI60-01.16201", "Surging": "3", "Name": "Made"}, ring), epsg=32607)
    (glacier,), _ = rows(path)
    assert glacier.surge is Surge.OBSERVED
    assert glacier.outline.bounds[:2] == pytest.approx((-139.17, 60.42), abs=0.02)


def test_an_outline_may_say_how_fast_motion_is_to_be_looked_for(make_geojson):
    facts = {"rgi_id": "MADE-1", "surge_type": "3", "glac_name": "Made"}
    (stated,), _ = rows(make_geojson((facts | {"reach_m_day": 80}, square(17, 78))))
    assert stated.reach_m_day == 80
    (other,), _ = rows(make_geojson((facts, square(17, 78))))
    assert other.reach_m_day is None
    for wrong in ("fast", "0", "nan", "inf"):
        with pytest.raises(InputError, match="reach_m_day"):
            rows(make_geojson((facts | {"reach_m_day": wrong}, square(17, 78))))


# ---- shapefiles and zips ----
def test_a_shapefile_without_one_of_its_parts_cut_off_or_with_another_table_is_refused(make_shapefile):
    two = ({"name": "One"}, square(0, 0)), ({"name": "Two"}, square(3, 0))
    for suffix in (".prj", ".dbf"):
        path = make_shapefile(*two)
        path.with_suffix(suffix).unlink()
        assert f"made{suffix} is missing" in refusal(path, "mines")
    path = make_shapefile(*two)
    path.write_bytes(path.read_bytes()[:-20])
    assert "Download it again" in refusal(path, "mines")
    path, other = make_shapefile(*two), make_shapefile(({"name": "Only"}, square(0, 0)), name="other")
    path.with_suffix(".dbf").write_bytes(other.with_suffix(".dbf").read_bytes())
    refusal(path, "mines")


PARTS = (".shp", ".shx", ".dbf", ".prj")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"../made.csv": "x"}, "outside itself"),
        ({f"{n}.csv": "x" for n in range(2)}, "2 layers"),
        ({"made.exe": "x"}, "0 layers"),
        ({}, "damaged"),
    ],
)
def test_a_zip_of_a_shapefile_passes_the_gate_of_archives_and_holds_one_layer(
    make_shapefile, tmp_path, members, message
):
    path = make_shapefile(({"name": "One"}, square(0, 0)))
    parts = {f"folder/made{suffix}": path.with_suffix(suffix).read_bytes() for suffix in PARTS}
    packed = zip_of(tmp_path / "mines.zip", parts)
    with open_layer(packed, ContextKind.MINES) as file:
        assert (file.name, len(list(file.rows()))) == ("made", 1)
    if members:
        zip_of(packed, members)
    else:
        packed.write_bytes(packed.read_bytes()[:90])
    assert message in refusal(packed, "mines")


# ---- landslides ----
def test_a_landslide_says_how_sure_its_position_is(make_csv):
    path = make_csv(LANDSLIDES, "7,09/25/2015,9.94,-84.08,Rock_Fall,Continuous_rain,Known_within_5_km,Small,San JosÃ©")
    assert recognise(path) is ContextKind.LANDSLIDES
    (event,), _ = rows(path)
    assert event.happened_on == date(2015, 9, 25)
    assert event.accuracy_m == 5000.0
    assert (event.landslide_type, event.trigger, event.near) == ("rock fall", "continuous rain", "San José")
    known = {"Known_within_1km": 1000.0, "Exact_Location": 50.0, "Unknown": None, "": None, "25km": 25_000.0}
    assert {words: accuracy(words) for words in known} == {words: (True, metres) for words, metres in known.items()}
    assert accuracy(" March 7") == (False, None)


def test_a_row_with_shifted_columns_is_refused_and_the_others_stay(make_csv):
    path = make_csv(
        LANDSLIDES, "1,,1,1,Landslide,Rain, March 7,Small,", "2,01/02/2012,1,1,Landslide,Rain,Unknown,Small,"
    )
    taken, refused = rows(path)
    assert [event.event_id for event in taken] == ["2"]
    assert len(refused) == 1
    without = make_csv(LANDSLIDES.replace(",trigger", ""), "1,,1,1,L,Unknown,Small,")
    assert "no column 'trigger'" in refusal(without, "landslides")
    cut = make_csv(LANDSLIDES, "2,01/02/2012,1,1,Landslide,Rain,Unknown,Small,", "3,01/02,1")
    assert "row 3 has 3 fields" in refusal(cut, "landslides")


# ---- text ----
@pytest.mark.parametrize(
    ("change", "texts"),
    [
        (repair_mojibake, {"San JosÃ©": "San José", "â€œthe narrows.â€\x9d": "“the narrows.”"}),
        (repair_mojibake, {"San José": "San José", "RÃo": "RÃo"}),
        (search_key, {"  Saint-Étienne ": "saint etienne", "ØRSTA, Ålesund": "orsta alesund", "'; DROP--": "drop"}),
    ],
)
def test_text_from_the_wrong_encoding_is_mended_if_unambiguous_and_searched_without_marks_and_case(change, texts):
    assert {text: change(text) for text in texts} == texts
