"""RTC of OPERA and HyP3, Earth Engine and plain images: what names and declarations state; nothing is guessed."""

import shutil
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from itertools import chain

import numpy as np
import pytest
import rasterio
from affine import Affine

from ground_motion.core.errors import InputError
from ground_motion.readers.formats import registry
from ground_motion.readers.images import opera_rtc
from ground_motion.readers.images import raster as scene_raster
from ground_motion.readers.images.scenes import ParsedName, direction_at, granules_in, relative_orbit
from ground_motion.readers.records import Declaration, Direction
from tests.makers import damage, hostile
from tests.makers import geotiff as made_geotiff
from tests.makers import rtc as made_rtc
from tests.makers.rtc import declared, outcome, plain, read

START = datetime(2021, 1, 19, 3, 16, 53, tzinfo=UTC)


# ---- names of Sentinel-1 products ----
@pytest.mark.parametrize(
    ("platform", "orbit", "track"),
    [
        ("S1A", 18302, 30),
        ("S1B", 7231, 30),
        ("S1A", 36201, 79),
        ("S1A", 29739, 92),
        ("S1A", 33764, 92),
        ("S1D", 4762, 171),
        ("S1D", 4689, 98),
        ("S1A", 73, 1),
        ("S1A", 72, 175),
    ],
)
def test_published_orbits_give_the_published_tracks(platform, orbit, track):
    assert relative_orbit(platform, orbit, START) == track


def test_the_track_of_s1c_is_unknown_after_it_was_moved():
    assert relative_orbit("S1C", 1000, datetime(2025, 4, 1, tzinfo=UTC)) == (1000 - 172) % 175 + 1
    assert relative_orbit("S1C", 9000, datetime(2026, 8, 1, tzinfo=UTC)) is None


def test_a_granule_is_found_in_a_text_once():
    text = f"from {made_rtc.GRANULE}.SAFE to {made_rtc.GRANULE}.zip"
    (granule,) = granules_in(text)
    assert (granule.platform, granule.mode, granule.absolute_orbit, granule.start) == ("S1A", "IW", 36201, START)
    with pytest.raises(ValueError, match="does not match format"):
        granules_in(text.replace("20210119", "20211919"))


# ---- HyP3 ----
@pytest.mark.parametrize("kind", ["folder", "zip", "file"])
def test_a_hyp3_product_says_what_it_is(tmp_path, kind):
    path = made_rtc.hyp3(tmp_path, kind=kind, radiometry="s")
    assert registry.recognise(path) == "hyp3-rtc"
    header, power = read(path)
    assert (header.platform, header.mode, header.polarisation, header.backscatter) == ("S1A", "IW", "VV", "sigma0")
    assert (header.acquired_at, header.track, header.absolute_orbit) == (START, 79, 36201)
    assert header.direction is Direction.DESCENDING  # 4 o'clock at 15 degrees east
    assert (header.epsg, header.posting_m, header.rows, header.cols) == (32633, 30, 40, 48)
    assert header.extras["granule"] == made_rtc.GRANULE
    assert "HyP3" in header.attribution
    np.testing.assert_allclose(power, made_rtc.speckle(), rtol=1e-6)


@pytest.mark.parametrize(
    "make", [made_rtc.hyp3, partial(made_rtc.hyp3, kind="zip"), made_rtc.earth_engine], ids=["folder", "zip", "export"]
)
def test_each_polarisation_is_a_scene_and_an_angle_is_none(tmp_path, make):
    path = make(tmp_path, pols=("VV", "VH"))
    scenes = registry.open_scenes(path)
    assert [scene.header.polarisation for scene in scenes] == ["VV", "VH"]
    assert all(np.isfinite(scene.power()).mean() > 0.8 for scene in scenes)
    (only,) = registry.open_scenes(path, declared=Declaration(polarisation="VH"))
    assert only.header.polarisation == "VH"
    assert "it holds VV, VH, not HH" in outcome(path, Declaration(polarisation="HH"))


def test_the_track_is_declared_where_nothing_names_the_granule(tmp_path):
    path = made_rtc.hyp3(tmp_path, readme=False, kind="file")
    assert "--track" in outcome(path)
    assert read(path, Declaration(track=79))[0].track == 79
    (path.parent / f"{made_rtc.product()}.log").write_text(f"SAFE directory : {made_rtc.GRANULE}.SAFE")
    assert read(path)[0].track == 79
    assert "its track is 79, but 5 was declared" in outcome(path, Declaration(track=5))
    assert "its scale is power, but db was declared" in outcome(path, Declaration(scale="db"))
    path = made_rtc.hyp3(tmp_path / "other")
    (readme,) = path.glob("*README*")
    readme.write_text(readme.read_text().replace("T031653", "T031628"))  # of another scene
    assert "--track" in outcome(path)


def test_what_is_no_image_of_a_product_is_refused(tmp_path):
    path = made_rtc.hyp3(tmp_path, pols=("VV", "VH"))
    (mask,) = path.glob("*ls_map.tif")
    assert "this is the layer ls_map of a product" in outcome(mask)
    image = next(path.glob("*_VV.tif"))
    shutil.copy(image, image.with_name(image.name.replace("_VV", "_VV_clip")))
    assert "it holds 2 images of VV" in outcome(path)
    other = image.with_name(image.name.replace("20210119T", "20211919T"))
    image.rename(other)
    assert "impossible date" in outcome(other, Declaration(track=1))


# ---- Earth Engine ----
def test_an_export_says_what_it_is(tmp_path):
    path = made_rtc.earth_engine(tmp_path, name=f"etna_{made_rtc.GRANULE}_clip.tif")
    assert registry.recognise(path) == "earth-engine"
    header, power = read(path)
    assert (header.platform, header.mode, header.polarisation, header.backscatter) == ("S1A", "IW", "VV", "sigma0")
    assert (header.acquired_at, header.track, header.absolute_orbit) == (START, 79, 36201)
    assert (header.epsg, header.posting_m) == (32633, 10)
    assert header.extras["scale"] == "db"
    assert 0.05 < np.nanmean(power) < 0.15
    one_band = made_rtc.earth_engine(tmp_path, angle=False, name=f"{made_rtc.GRANULE}.VH.tif")
    assert read(made_rtc.described(one_band, [""]))[0].polarisation == "VH"


def test_decibels_or_power_is_asked_for_where_the_values_leave_a_doubt(tmp_path):
    path = made_rtc.earth_engine(tmp_path, scale="power")
    assert "--scale db" in outcome(path)
    assert not outcome(path, Declaration(scale="power"))
    assert "not decibels" in outcome(path, Declaration(scale="db"))
    assert "'decibel' is not a scale" in outcome(path, Declaration(scale="decibel"))
    empty = made_rtc.earth_engine(tmp_path, np.full((40, 48), np.nan, np.float32))
    assert "no sampled pixel has a value" in outcome(empty)
    assert "no pixel has a value" in outcome(empty, Declaration(scale="db"))


def test_an_export_that_cannot_be_used_is_refused(tmp_path):
    late = made_rtc.GRANULE.replace("S1A", "S1C").replace("2021", "2026").replace("0119T", "0819T")
    assert "--track" in outcome(made_rtc.earth_engine(tmp_path, name=f"{late}.tif"))
    both = f"{made_rtc.GRANULE}_{made_rtc.GRANULE.replace('8255', '0000')}.tif"
    assert "names 2 products" in outcome(made_rtc.earth_engine(tmp_path, name=both))
    never = f"{made_rtc.GRANULE.replace('20210119', '20211919')}.tif"
    assert "impossible date" in outcome(made_rtc.earth_engine(tmp_path, name=never))
    assert "one name" in outcome(made_rtc.earth_engine(tmp_path, pols=("VV", "VV")))
    single = made_rtc.earth_engine(tmp_path, pols=("VV", "VH"), name=f"{made_rtc.GRANULE}.VV.tif")
    assert "none of its 3 bands" in outcome(made_rtc.described(single, ["a", "b", "c"]))


# ---- plain ----
def test_a_scale_makes_a_geotiff_an_image_and_nothing_else_does(tmp_path):
    path = plain(tmp_path)
    assert registry.recognise(path) == "geotiff"
    assert registry.recognise(path, declared()) == "geotiff-image"
    with pytest.raises(InputError, match=r"--scale power\|amplitude\|db"):
        registry.open_velocity_field(path)
    with pytest.raises(InputError, match="this is an image"):
        registry.open_velocity_field(path, declared=declared())
    velocity = made_geotiff.make(tmp_path)
    assert (
        registry.open_velocity_field(velocity, declared=Declaration(unit="mm/yr", positive="up")).header.level
        == "velocity"
    )


@pytest.mark.parametrize(
    ("name", "declaration", "option"),
    [
        ("a.tif", declared(), "--polarisation"),
        ("a_VV_VH.tif", declared(), "--polarisation"),
        ("a_VV.tif", declared(), "--acquired"),
        ("20210119T031653_20210119T031718_VV.tif", declared(), "--acquired"),
        ("20210119T031653_VV.tif", Declaration(scale="power"), "--track"),
        ("20210119T031653_VV.tif", Declaration(scale="decibel", track=1), "--scale"),
        ("20210119T031653_VV.tif", declared(platform="ERS-2"), "--direction"),
        ("20210119T031653_VV.tif", declared(polarisation="VH"), "polarisation is VV, but VH was declared"),
        ("20211919T031653_VV.tif", declared(), "impossible date"),
    ],
)
def test_what_is_neither_stated_nor_declared_is_requested(tmp_path, name, declaration, option):
    assert option in outcome(plain(tmp_path, name=name), declaration)


def test_everything_can_be_declared(tmp_path):
    moment = datetime(2021, 1, 19, 4, 16, 53, tzinfo=timezone(timedelta(hours=1)))
    declaration = declared(polarisation="HH", acquired_at=moment, platform="S1B", direction=Direction.ASCENDING)
    header, _ = read(plain(tmp_path, name="a.tif"), declaration)
    assert (header.polarisation, header.acquired_at, header.platform, header.track) == ("HH", START, "S1B", 95)
    assert header.acquired_at.utcoffset() == timedelta(0)
    assert header.direction is Direction.ASCENDING
    assert header.backscatter == ""


def test_names_of_products_and_of_pyrosar_are_read(tmp_path):
    header, _ = read(plain(tmp_path, name=f"Sigma0_VV_{made_rtc.GRANULE}_Orb_Cal_TC.tif"), Declaration(scale="power"))
    assert (header.platform, header.track, header.absolute_orbit, header.mode) == ("S1A", 79, 36201, "IW")
    assert (header.polarisation, header.backscatter) == ("VV", "sigma0")
    path = plain(tmp_path, scale="db", name="S1B__IW___D_20210119T031653_VH_gamma0-rtc_db.tif")
    assert registry.recognise(path) == "geotiff-image"
    header, _ = read(path, Declaration(track=7))
    assert (header.platform, header.track, header.polarisation, header.mode) == ("S1B", 7, "VH", "IW")
    assert (header.direction, header.acquired_at, header.backscatter) == (Direction.DESCENDING, START, "gamma0")
    assert "its direction is descending" in outcome(path, Declaration(track=7, direction=Direction.ASCENDING))
    assert "--scale" in outcome(plain(tmp_path, name="S1B__IW___D_20210119T031653_VH_grd.tif"), Declaration(track=7))


def test_a_band_is_chosen_by_its_description(tmp_path):
    values = np.stack([made_rtc.speckle(), made_rtc.speckle(mean=0.01)])
    path = made_rtc.write(tmp_path / "20210119T031653.tif", values, crs="EPSG:32633", transform=made_rtc.UTM)
    assert "the file does not state which of its 2 bands is VH" in outcome(path, declared(polarisation="VH"))
    made_rtc.described(path, ["Sigma0_VV", "Sigma0_VH"])
    assert "it holds 2 bands, one image is expected: Sigma0_VV, Sigma0_VH" in outcome(path, declared())
    header, power = read(path, declared(polarisation="VH"))
    assert header.polarisation == "VH"
    assert power.mean() == pytest.approx(0.01, rel=0.1)


# ---- all of them ----
MADE = {
    "hyp3-rtc": (lambda folder: made_rtc.hyp3(folder, kind="file", compress="deflate"), Declaration(track=79)),
    "earth-engine": (made_rtc.earth_engine, Declaration(scale="db")),
    "geotiff-image": (lambda folder: plain(folder, tiled=True, blockxsize=16, blockysize=16), declared()),
}


def test_a_name_describes_an_image_that_cannot_be_used(tmp_path):
    parsed = {name: registry.scene_by_name(make(tmp_path), declaration) for name, (make, declaration) in MADE.items()}
    assert {name: declaration[0] for name, declaration in parsed.items()} == {name: name for name in MADE}
    assert parsed["hyp3-rtc"][1] == ParsedName(platform="S1A", mode="IW", polarisation="VV", acquired_at=START)
    assert parsed["earth-engine"][1] == ParsedName(platform="S1A", track=79, mode="IW", acquired_at=START)
    assert parsed["geotiff-image"][1] == ParsedName(polarisation="VV", acquired_at=START)
    packed = registry.SCENE_READERS["hyp3-rtc"].parse_name(made_rtc.hyp3(tmp_path, kind="zip"))
    assert (packed.platform, packed.track) == ("S1A", None)
    for reader in registry.SCENE_READERS.values():
        assert reader.parse_name(tmp_path / "a_20219919T999999.tif") == ParsedName()


@damage.NOISY
@pytest.mark.parametrize(("make", "declaration"), [*MADE.values(), (partial(made_rtc.hyp3, kind="zip"), None)])
def test_damaged_images_are_refused_or_give_sane_numbers(tmp_path, make, declaration):
    path = make(tmp_path)
    for _ in chain(damage.truncated(path), damage.flipped(path)):
        outcome(path, declaration)
    assert not outcome(path, declaration)


HOSTILE = [each for each in chain(hostile.foreign_rasters(), hostile.tiffs()) if each.file == "velocity.tif"]
NAMES = {
    "hyp3-rtc": f"{made_rtc.product()}_VV.tif",
    "earth-engine": f"{made_rtc.GRANULE}.VV.tif",
    "geotiff-image": "S1A__IW___D_20210119T031653_VV_power.tif",
}


@damage.NOISY
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("trick", HOSTILE, ids=lambda trick: trick.name)
def test_hostile_files_are_refused_whatever_they_are_called(tmp_path, name, trick):
    (tmp_path / "canary").write_bytes(hostile.CANARY)
    path = tmp_path / NAMES[name]
    trick.make(path, hostile.Trap(tmp_path, tmp_path / "canary", 9))
    message = outcome(path, declared())
    assert message or trick.harmless
    assert "CANARY" not in message


# ---- real ----
@pytest.mark.realdata
def test_the_real_opera_chips_are_as_they_were(real_data):
    paths = sorted((real_data / "opera_rtc_10sgd").glob("*.tif"))
    assert len(paths) > 40
    for path in paths:
        header, power = read(path)
        with rasterio.open(path) as raster:
            values, grid = raster.read(1), raster.transform
        assert header.transform == grid
        np.testing.assert_array_equal(power, np.where(values > 0, values, np.nan))


@pytest.mark.realdata
def test_the_real_pyrosar_chip_is_in_decibels(real_data):
    (path,) = (real_data / "sentinel1_grd_safe").glob("S1A__IW___A_*_db.tif")
    assert "--track" in outcome(path)
    header, power = read(path, Declaration(track=88))
    assert (header.platform, header.polarisation, header.direction) == ("S1A", "VV", Direction.ASCENDING)
    assert header.acquired_at == datetime(2015, 3, 9, 17, 30, 17, tzinfo=UTC)
    assert (header.epsg, header.posting_m, header.rows, header.cols) == (32631, 20, 217, 268)
    assert 10 * np.log10(np.median(power)) == pytest.approx(-10.97, abs=0.01)
    assert scene_raster.look(path).own == scene_raster.look(path).grid


# ---- OPERA ----
def test_name_and_grid_say_what_the_image_is(make_rtc):
    header = registry.open_scenes(make_rtc())[0].header
    assert (header.track, header.burst, header.polarisation, header.platform) == (137, "292320-IW2", "VV", "S1A")
    assert header.acquired_at == datetime(2021, 11, 19, 1, 59, tzinfo=UTC)
    assert (header.epsg, header.posting_m, header.rows, header.cols) == (32611, 30.0, 40, 48)
    assert header.direction is Direction.ASCENDING  # 18 o'clock in California
    assert "OPERA" in header.attribution
    assert not header.simulated
    simulated = registry.open_scenes(make_rtc(tags={"SIMULATED": "yes"}))[0].header
    assert (simulated.simulated, simulated.attribution) == (True, "")


def test_power_stays_as_it_is_and_nothing_seen_is_nan(make_rtc):
    power = np.full((40, 48), 0.25, dtype=np.float32)
    power[0, :3] = [np.nan, 0.0, 0.5]
    read = registry.open_scenes(make_rtc(power=power))[0].power()
    assert np.isnan(read[0, :2]).all()
    assert read[0, 2] == np.float32(0.5)
    assert read[1, 1] == np.float32(0.25)


@pytest.mark.parametrize(
    ("hour", "longitude", "direction"),
    [(2, -120.0, "ascending"), (14, -120.0, "descending"), (6, 10.0, "descending"), (17, 10.0, "ascending")],
)
def test_sentinel_1_passes_northward_in_the_evening(hour, longitude, direction):
    assert direction_at(datetime(2024, 5, 1, hour, tzinfo=UTC), longitude) == direction


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer": "mask"}, "layover and shadow mask"),
        ({"name": "OPERA_L2_RTC-S1_T137.tif"}, "its name is not that of"),
        ({"date": "20211301"}, "impossible date"),
        ({"crs": "EPSG:4326", "transform": Affine(0.001, 0, -120, 0, -0.001, 34)}, "not a projected one"),
        ({"crs": None}, "it has no reference system"),
        ({"transform": Affine(30, 0, 0, 0, -20, 0)}, "square pixels"),
        ({"count": 2}, "2 bands"),
        ({"dtype": "uint16", "nodata": 0}, "not one of floats"),
        ({"power": np.full((4, 4), np.nan)}, "no pixel has a value"),
        ({"power": np.full((4, 4), 1e7)}, "not linear power"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(make_rtc, change, message):
    path = make_rtc(**change)
    refused = outcome(path)
    assert message in refused
    assert str(path) in refused


def test_a_huge_declared_size_is_refused_before_reading(make_rtc, monkeypatch):
    monkeypatch.setattr(opera_rtc, "MAX_PIXELS", 1000)
    assert "declares 48 x 40 pixels" in outcome(make_rtc())


def test_images_and_velocity_fields_are_not_taken_for_each_other(make_rtc, make_egms):
    with pytest.raises(InputError, match="this is an image"):
        registry.open_velocity_field(make_rtc())
    with pytest.raises(InputError, match="this is a velocity field"):
        registry.open_scenes(make_egms())[0]
