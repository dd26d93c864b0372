"""Rasters on the map say what the rasters say; where slow motion would not be seen, a layer and a sentence do."""

import math
from datetime import UTC, date, datetime

import numpy as np
import pytest
import rasterio
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.core.files.base import ContentFile
from django.urls import reverse
from rasterio.io import MemoryFile

from ground_motion.core.rasters import write_cog
from ingest.foundation.storage import save_with_raster
from ml.models import LivingDate, LivingSeries, Prediction, Run
from ml.runs.stored import read_prediction
from monitor.maps.imaging import drawing as rasters
from monitor.maps.rasters.catalogue import evidence_raster
from monitor.maps.rasters.layers import RASTER_LAYERS, RASTER_LAYERS_BY_NAME
from monitor.maps.rasters.visibility import (
    Scope,
    Visibility,
    visibilities_in,
    visibility_around,
    visibility_in,
    visibility_sentence,
    visibility_words,
)
from tests.makers import pairs as made_pairs
from tests.makers.basemaps import tile_at
from tests.makers.organisations import FORM
from tests.makers.regions import make_region
from tests.makers.wire import FAULTS_OF_READING

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning"),  # a picture lies nowhere
]
FIRST, SECOND = "2021-12-13-12d", "2021-12-25-12d"
WIDE = "-12.2,46.8,-11.8,47.2"


def tile_of(longitude: float, latitude: float, zoom: int) -> str:
    x, y = tile_at(longitude, latitude, zoom)
    return f"{zoom}/{x}/{y}"


MIDDLE = tile_of(made_pairs.LONGITUDE, made_pairs.LATITUDE, 14)


def pixels(content: bytes) -> np.ndarray:
    """(4, 256, 256) red, green, blue, alpha; where there is no colour at all, everything is 0."""
    with MemoryFile(content) as memory, memory.open(driver="PNG") as image:
        bands = image.read()
    return bands if len(bands) == 4 else np.concatenate([np.repeat(bands[:1], 3, axis=0), bands[1:]])


def colour(layer: str, value: float) -> list[int]:
    chosen = RASTER_LAYERS_BY_NAME[layer]
    share = min(1, max(0, (value - chosen.low) / (chosen.high - chosen.low)))
    return list(rasters.colour_table(chosen.stops)[round(255 * share)])


def arrows_in(client, bbox: str) -> list[dict]:
    answer = client.get(f"/rasters/{FIRST}/arrows.geojson?bbox={bbox}")
    assert answer.status_code == 200
    return answer.json()["features"]


def shown(client, layer: str, group: str, place: str = MIDDLE) -> np.ndarray:
    answer = client.get(f"/tiles/rasters/{layer}/{group}/{place}.png")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/png"
    return pixels(answer.content)


def test_a_tile_has_the_colour_of_its_value_on_its_date_and_nothing_where_nothing_is_known(client, pair_predictions):
    image = shown(client, "coherence", FIRST)
    assert (image[3] == 255).all()
    assert list(image[:3, 128, 128]) == colour("coherence", 0.8)
    whole = shown(client, "coherence", FIRST, tile_of(made_pairs.LONGITUDE, made_pairs.LATITUDE, 8))
    assert 0 < (whole[3] > 0).sum() < 256 * 256 / 50
    assert not shown(client, "coherence", FIRST, tile_of(10, 40, 14)).any()
    assert list(shown(client, "coherence-change", FIRST)[:3, 128, 128]) == colour("coherence-change", 0)
    lost = shown(client, "coherence-change", SECOND)[:3].reshape(3, -1).T.tolist()
    assert any(np.abs(np.subtract(one, colour("coherence-change", -5))).max() <= 3 for one in lost)


def test_speed_is_metres_a_day_and_what_the_image_as_a_whole_is_off_is_no_motion(client, pair_predictions):
    """Both pixels of motion are shown as none where the whole image is off by as much, and still ground as moving."""
    metres_a_day = math.hypot(*made_pairs.MOVED_PX) * made_pairs.POSTING_M / made_pairs.DAYS
    place = tile_of(made_pairs.LONGITUDE, made_pairs.LATITUDE, 16)
    assert list(shown(client, "speed", FIRST, place)[:3, 128, 128]) == colour("speed", metres_a_day)
    offsets = pair_predictions[2]
    offsets.statistics = {"median_dx_px": made_pairs.MOVED_PX[0], "median_dy_px": made_pairs.MOVED_PX[1]}
    offsets.save(update_fields=["statistics"])
    assert list(shown(client, "speed", FIRST, place)[:3, 128, 128]) == colour("speed", 0)
    arrows = arrows_in(client, ",".join(map(str, offsets.run.pair.footprint.extent)))
    assert arrows
    for arrow in arrows:  # 1.95 px left, 2.05 px down: 223.6 degrees on a map whose north is off by 2.2
        assert arrow["properties"]["bearing_deg"] == pytest.approx(221.4, abs=0.5)


def test_of_several_rasters_of_one_date_the_better_polarisation_and_the_newer_run_are_shown(client, pair_predictions):
    def add(value: float, **scene) -> None:
        days = [datetime(2021, 12, day, 6, 30, tzinfo=UTC) for day in (1, 13)]
        pair = made_pairs.make_pair(*(made_pairs.make_scene(day, **scene) for day in days))
        made_pairs.make_prediction(pair, "coherence", {"coherence": made_pairs.full(value)})

    add(0.1, polarisation="VH")
    assert list(shown(client, "coherence", FIRST)[:3, 128, 128]) == colour("coherence", 0.8)
    add(0.3, burst="901-0002-IW1")  # It lies beside the first, which counts where both know a value.
    place = tile_of(made_pairs.LONGITUDE, made_pairs.LATITUDE, 12)
    colours = {tuple(one) for one in shown(client, "coherence", FIRST, place)[:3].reshape(3, -1).T.tolist()}
    assert {tuple(colour("coherence", 0.8)), tuple(colour("coherence", 0.3))} <= colours
    pair, version = pair_predictions[0].run.pair, pair_predictions[0].run.model_version
    version.pk, version.version = None, "2"
    version.save()
    at = datetime(2099, 1, 1, tzinfo=UTC)
    run = Run.objects.create(model_version=version, pair=pair, state="succeeded", finished_at=at)
    newer = Prediction(run=run, raster_sha256="f" * 64)
    made_pairs.keep(newer.raster, {"coherence": made_pairs.full(0.2)}, "newer.tif")
    newer.save()
    assert list(shown(client, "coherence", FIRST)[:3, 128, 128]) == colour("coherence", 0.2)


def test_a_radar_image_is_grey_and_in_decibels(client, django_assert_num_queries):
    scene = made_pairs.make_scene(datetime(2021, 12, 1, 6, 30, tzinfo=UTC))
    made_pairs.fill_scene(scene, made_pairs.full(0.01))
    with django_assert_num_queries(1):  # nothing is counted over all scenes
        red, green, blue, _ = shown(client, "radar", "2021-12-01")[:, 128, 128]
    assert red == green == blue
    assert [red, green, blue] == colour("radar", -20)


def test_likelihoods_of_overlapping_tracks_show_the_highest_and_what_runs_would_see_only_if_they_state_it(
    client, watched_region
):
    layers = {layer["name"]: layer for layer in client.get("/rasters.json").json()["layers"]}
    (group,) = layers["probability"]["groups"]
    assert group["n_rasters"] == 2
    assert group["simulated"] is True
    assert "measured until" in group["label"]
    west, south, east, north = group["bounds"]
    assert shown(client, "probability", group["key"], tile_of((west + east) / 2, (south + north) / 2, 10))[3].any()
    assert "smallest-rate" not in layers
    assert visibility_sentence(None) == ""


def test_dates_come_in_order_with_words_and_bounds(client, pair_predictions, django_assert_max_num_queries):
    with django_assert_max_num_queries(6):  # images, releases; pairs and fields, all and by figure
        layers = {layer["name"]: layer for layer in client.get("/rasters.json").json()["layers"]}
    assert [one.name for one in RASTER_LAYERS if one.name in layers] == list(layers)
    groups = layers["coherence"]["groups"]
    assert [group["key"] for group in groups] == [FIRST, SECOND]
    assert groups[0]["label"] == "13 Dec 2021 (12 days since 1 Dec 2021)"
    west, south, east, north = groups[0]["bounds"]
    assert west < made_pairs.LONGITUDE < east
    assert south < made_pairs.LATITUDE < north
    assert layers["speed"]["arrows"] is True
    # A small map shows the newest finding and says what its colours mean.
    evidence = evidence_raster(pair_predictions[2:5])
    assert (evidence["layer"], evidence["group"], evidence["arrows"]) == ("coherence-change", SECOND, False)
    dates = "25 Dec 2021 (12 days since 13 Dec 2021)"
    assert evidence["caption"].startswith(f"Change of coherence, {dates}. Purple: less alike")
    assert evidence_raster([]) is None
    # A tile is sent once.
    address = f"/tiles/rasters/coherence/{FIRST}/{MIDDLE}.png"
    first = client.get(address)
    assert "max-age" in first["Cache-Control"]
    again = client.get(address, headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 304
    assert again["ETag"] == first["ETag"]
    assert client.get(address.replace(FIRST, SECOND))["ETag"] != first["ETag"]
    assert client.post(address).status_code == 405


def test_a_vrt_in_place_of_a_raster_is_not_followed(client, pair_predictions, tmp_path):
    secret = tmp_path / "secret.tif"
    profile = {"driver": "GTiff", "width": 8, "height": 8, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(secret, "w", transform=rasterio.Affine(1, 0, -16, 0, -1, 50), **profile) as raster:
        raster.write(np.full((1, 8, 8), 0.9, dtype=np.float32))
        raster.set_band_description(1, "coherence")
    vrt = f"""<VRTDataset rasterXSize="8" rasterYSize="8"><SRS>EPSG:4326</SRS>
      <GeoTransform>-16, 1, 0, 50, 0, -1</GeoTransform><VRTRasterBand dataType="Float32" band="1">
      <Description>coherence</Description><SimpleSource><SourceFilename>{secret}</SourceFilename>
      <SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"""
    prediction = pair_predictions[0]
    assert shown(client, "coherence", FIRST).any()
    prediction.raster.save("run.tif", ContentFile(vrt.encode()))
    (tmp_path / "run.tif").write_text(vrt)
    with rasterio.open(tmp_path / "run.tif") as followed:  # without the one driver it would be
        assert followed.read(1).max() == pytest.approx(0.9)
    assert not shown(client, "coherence", FIRST).any()


def test_a_missing_file_or_band_leaves_a_hole_and_no_error(client, pair_predictions):
    coherence, change, offsets = pair_predictions[:3]
    coherence.raster.storage.delete(coherence.raster.name)
    assert not shown(client, "coherence", FIRST).any()
    change.raster.name = offsets.raster.name
    change.save()
    assert not shown(client, "coherence-change", FIRST).any()


def test_arrows_point_where_the_ground_moves_and_leave_out_what_is_not_clear(client, pair_predictions):
    arrows = arrows_in(client, WIDE)
    assert 10 < len(arrows) <= 400
    for arrow in arrows:
        assert arrow["properties"]["speed_m_day"] == pytest.approx(2.357, abs=0.001)
        assert arrow["properties"]["bearing_deg"] == pytest.approx(45, abs=3)  # grid north is not quite north
        assert arrow["properties"]["sigma_m_day"] == pytest.approx(0.1 * 10 / 12, abs=0.001)
        longitude, latitude = arrow["geometry"]["coordinates"]
        assert abs(longitude + 12) < 0.03
        assert abs(latitude - 47) < 0.02
    # A closer view has arrows between those of the wider one.
    close, wide = (
        {tuple(one["geometry"]["coordinates"]) for one in arrows_in(client, bbox)}
        for bbox in ("-12.01,46.993,-11.99,47.007", WIDE)
    )
    inside = {(x, y) for x, y in wide if -12.01 < x < -11.99 and 46.993 < y < 47.007}
    assert inside
    assert inside < close


def test_a_raster_in_degrees_has_the_same_arrows():
    ones = np.ones((40, 40), dtype=np.float32)
    bands = {"dx_px": 2 * ones, "dy_px": 0 * ones, "sigma_dx_px": 0.1 * ones, "sigma_dy_px": 0.1 * ones}
    with MemoryFile() as memory:
        profile = {"driver": "GTiff", "width": 40, "height": 40, "count": 4, "dtype": "float32", "crs": "EPSG:4326"}
        with memory.open(transform=rasterio.Affine(0.001, 0, 10, 0, -0.001, 60), **profile) as raster:
            for number, (name, values) in enumerate(bands.items(), start=1):
                raster.write(values, number)
                raster.set_band_description(number, name)
        grid = rasters.InputGrid(10, (0.0001, 0), (0, -0.0001), 5, 0)
        with memory.open() as raster:
            arrows = rasters.arrows(raster, grid, (9, 59, 11, 61), 100)
    assert len(arrows) == 100
    assert arrows[0].bearing_deg == pytest.approx(90, abs=0.01)
    assert arrows[0].speed_m_day == pytest.approx(4)


def test_a_box_that_is_none_is_refused_with_its_remedy(client):
    for bbox in ("", "1,2,3", "a,b,c,d", "nan,0,1,1", "inf,0,1,1", "1,0,1,1", "0,0,999,1", "0,-91,1,1"):
        answer = client.get(f"/rasters/{FIRST}/arrows.geojson?bbox={bbox}")
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json"), bbox
        assert set(answer.json()) == {"type", "title", "status", "detail", "error", "remedy"}


@pytest.mark.parametrize("begin", FAULTS_OF_READING)
def test_a_tile_is_refused_and_never_drawn_empty(wire, begin, client, pair_predictions, make_alert):
    address = f"/tiles/rasters/coherence/{FIRST}/{MIDDLE}.png"
    begin(wire)
    answer = client.get(address)
    assert (answer.status_code, answer["Cache-Control"], answer["Retry-After"]) == (503, "no-store", "10")
    assert "ETag" not in answer
    assert "images and results cannot be read" in answer.json()["error"]
    assert client.get(f"/rasters/{pair_predictions[0].pk}.tif").status_code == 503
    for page in ("/", "/alerts/", make_alert().get_absolute_url()):
        assert client.get(page).status_code == 200
    wire.mend()
    answer = client.get(address)
    assert answer.status_code == 200
    assert list(pixels(answer.content)[:3, 128, 128]) == colour("coherence", 0.8)


LONG, SHORT = "2021-12-25-24d", "2021-12-13-12d"


def test_only_dates_with_a_confirmed_change_are_offered_and_tiles_say_how_sure_and_when(client):
    made_pairs.make_confirmed()  # 12 days without and 24 days with a change that was first seen on 13 December
    listed = client.get("/rasters.json").json()["layers"]
    layers = {layer["name"]: [one["key"] for one in layer["groups"]] for layer in listed}
    assert layers["coherence-change"] == [SHORT, LONG]
    assert layers["confirmed-change"] == layers["change-onset"] == [LONG]
    assert not shown(client, "confirmed-change", SHORT).any()
    assert list(shown(client, "confirmed-change", LONG)[:3, 128, 128]) == colour("confirmed-change", 96)
    assert list(shown(client, "change-onset", LONG)[:3, 128, 128]) == colour("change-onset", 12)
    far_out = shown(client, "confirmed-change", LONG, tile_of(made_pairs.LONGITUDE, made_pairs.LATITUDE, 12))
    assert (far_out[3] == 0).sum() > 0  # unconfirmed places have no colour


AWAY = MultiPolygon(Polygon.from_bbox((50, 10, 51, 11)), srid=4326)


@pytest.fixture
def limits(watched_region, tmp_path) -> list[Prediction]:
    """Two tracks: the first sees 4 mm a year in its northern half and nothing south of it, the second 30 mm."""
    predictions = list(Prediction.objects.order_by("run__product_id"))
    for prediction, (north, south) in zip(predictions, ((4.0, np.nan), (30.0, 30.0)), strict=True):
        raster = read_prediction(prediction)
        half = np.where(np.arange(raster.shape[0])[:, None] < raster.shape[0] // 2, north, south)
        bands = {"smallest_rate_mm_yr": np.broadcast_to(half, raster.shape).astype(np.float32)}
        path = tmp_path / "limits.tif"
        write_cog(path, bands, raster.transform, raster.epsg, ["mm/yr"], {})
        prediction.statistics["smallest_rate_mm_yr"] = 4.0
        save_with_raster(prediction, path)
    return predictions


def test_the_best_view_counts_and_the_date_is_the_last_one(client, limits):
    layers = {layer["name"]: layer for layer in client.get("/rasters.json").json()["layers"]}
    assert layers["smallest-rate"]["groups"][0]["n_rasters"] == 2
    west, south, east, north = limits[0].run.product.footprint.extent
    middle = (south + north) / 2
    halves = (((middle + 0.01, north), 0.0, 0.1, 4.0), ((south, middle - 0.01), 0.95, 1.0, 30.0))
    for edges, least, most, noticed_mm_yr in halves:
        region = MultiPolygon(Polygon.from_bbox((west + 0.01, edges[0], east - 0.01, edges[1])), srid=4326)
        seen = visibility_in(region)
        assert least <= seen.unseen <= most
        assert seen.noticed_mm_yr == noticed_mm_yr
        assert seen.last_measured == max(one.run.product.dates[-1] for one in limits)
        assert visibilities_in({7: region, 8: AWAY}) == {7: seen, 8: None}
    living, pass_on = LivingSeries.objects.create(product=limits[0].run.product), date(2030, 4, 12)
    facts = {"n_interferograms": 1, "n_known": 5, "delay_sigma_mm": 1.0, "undone": 0}
    LivingDate.objects.create(series=living, day=pass_on, **facts)
    assert visibility_in(region).last_measured == pass_on


def test_pages_lists_and_subscriptions_say_it(client, limits):
    region = make_region(bounds=limits[0].run.product.footprint.extent)
    for name in ("region-detail", "region-report"):
        page = client.get(reverse(name, args=[region.slug])).content.decode()
        assert "of this region we may" in page
        assert page.count("The last measurement") == 1
    sentence = visibility_sentence(None)
    assert "% of the ground that our data cover we may miss ground that moves by less than 10 mm" in sentence
    assert sentence in client.get("/alerts/").content.decode()
    inside = limits[0].run.product.footprint.centroid
    asked = FORM | {"distance": "800", "latitude": inside.y, "longitude": inside.x}
    answer = client.post("/subscribe/preview.json", asked).json()
    assert "of this region we may" in answer["unseen"]
    assert "The last measurement is of" in visibility_around(MultiPolygon(inside.buffer(0.001), srid=4326))
    assert visibility_sentence(AWAY) == ""


NOTICED = (
    (0.0, 3.6, "notice ground that moves faster than about 4 mm a year over a kilometre and a half. Smaller places"),
    (0.12, 3.6, "and in 12 % of it motion of less than 10 mm a year stays hidden."),
    (0.7, math.inf, "In 70 % of this region we may miss ground that moves by less than 10 mm a year"),
)


@pytest.mark.parametrize(("unseen", "noticed", "words"), NOTICED)
def test_a_region_says_what_would_be_noticed_and_where_nothing_would(unseen, noticed, words):
    sentence = visibility_words(Visibility(unseen, noticed, date(2024, 12, 25)), Scope.REGION)
    assert words in sentence
    assert sentence.endswith("The last measurement is of 25 December 2024.")
    assert ("hidden" in sentence) == (unseen >= 0.01 and noticed < 10)
