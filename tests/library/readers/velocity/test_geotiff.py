"""GeoTIFFs of velocities: every declared unit and sign, grids of all kinds, and what cannot be used."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer

from ground_motion.core.errors import InputError
from ground_motion.readers import raster
from ground_motion.readers.formats.registry import open_scenes, open_velocity_field, open_velocity_fields, recognise
from ground_motion.readers.records import Component, Declaration, Technique
from tests.makers import damage, simulated_safe
from tests.makers import geotiff as made_geotiff
from tests.makers.damage import all_points, points
from tests.makers.geotiff import write

UP = Declaration(unit="mm/yr", positive="up")
UNITS = {"mm/yr": 1, "cm/yr": 10, "m/yr": 1000, "m/day": 365_250}
SIGNS = {
    "toward": (1, Component.LOS),
    "away": (-1, Component.LOS),
    "up": (1, Component.UP),
    "down": (-1, Component.UP),
    "east": (1, Component.EAST),
    "west": (-1, Component.EAST),
    "north": (1, Component.NORTH),
    "south": (-1, Component.NORTH),
}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("positive", SIGNS)
def test_every_declared_unit_and_sign_becomes_ours(tmp_path, unit, positive):
    sign, component = SIGNS[positive]
    loaded = points(made_geotiff.make(tmp_path, value=-0.02), Declaration(unit=unit, positive=positive))
    assert loaded.header.component is component
    assert loaded.columns.velocity_mm_yr == pytest.approx(-0.02 * UNITS[unit] * sign, rel=1e-5)
    assert loaded.header.technique is (Technique.TRACKING if unit == "m/day" else Technique.INSAR)
    assert (loaded.header.has_series, loaded.header.dates) == (False, ())


@pytest.mark.parametrize(
    ("declared", "option"),
    [
        (None, "--unit"),
        (Declaration(positive="up"), "--unit"),
        (Declaration(unit="mm/yr"), "--positive"),
        (Declaration(unit="inch/yr", positive="up"), "--unit"),
        (Declaration(unit="mm/yr", positive="left"), "toward, away"),
    ],
)
def test_what_is_not_declared_is_asked_for_never_guessed(tmp_path, declared, option):
    assert option in damage.outcome(made_geotiff.make(tmp_path), declared)


@pytest.mark.parametrize(
    ("crs", "grid", "posting", "epsg"),
    [
        ("EPSG:4326", made_geotiff.DEGREES, 111.32, None),
        ("EPSG:3035", Affine(100, 0, 4_600_000, 0, -100, 1_740_000), 100, 3035),
        ("EPSG:32633", Affine(30, 0, 300_000, 0, -30, 4_200_000), 30, 32633),
        ("EPSG:32633", Affine(30, 0, 300_000, 0, 30, 4_200_000), 30, 32633),  # south up
        ("EPSG:32633", Affine.translation(300_000, 4_200_000) @ Affine.rotation(25) @ Affine.scale(30, -30), 30, 32633),
        ("EPSG:2229", Affine(100, 0, 6_500_000, 0, -100, 1_900_000), 30.48, None),  # California, in feet
        ("EPSG:3857", Affine(50, 0, 1_111_000, 0, -50, 8_399_000), 25.066, None),  # Web map, 60 N
        ("EPSG:3395", Affine(50, 0, 1_111_000, 0, -50, 8_362_000), 25.065, None),
        ("EPSG:3857", Affine(50, 0, 1_111_000, 0, -50, 9_000), 50, 3857),  # Web map, equator
    ],
)
def test_pixels_stand_where_the_grid_says(tmp_path, crs, grid, posting, epsg):
    loaded = points(made_geotiff.make(tmp_path, crs=crs, transform=grid), UP)
    assert loaded.header.posting_m == pytest.approx(posting, rel=1e-4)
    assert loaded.header.grid_epsg == epsg
    at = loaded.at["3_2"]
    x, y = grid.c + 2.5 * grid.a + 3.5 * grid.b, grid.f + 2.5 * grid.d + 3.5 * grid.e
    longitude, latitude = Transformer.from_crs(crs, 4326, always_xy=True).transform(x, y)
    assert loaded.columns.longitude[at] == pytest.approx(longitude, abs=1e-9)
    assert loaded.columns.latitude[at] == pytest.approx(latitude, abs=1e-9)
    assert loaded.columns.pid.size == 19


def test_longitudes_to_360_degrees_and_tags_of_scale_and_offset_are_applied(tmp_path):
    beyond = Affine(0.001, 0, 260.8, 0, -0.001, 19.5)
    path = made_geotiff.make(tmp_path, value=-200, dtype="int16", scale=0.1, offset=2.0, transform=beyond)
    columns = points(path, UP).columns
    assert columns.longitude.min() == pytest.approx(-99.2 + 0.0005)
    assert columns.velocity_mm_yr == pytest.approx(-18)


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32", "float64"])
def test_nodata_of_every_type_is_left_out(tmp_path, dtype):
    loaded = points(made_geotiff.make(tmp_path, dtype=dtype), UP)
    assert "0_0" not in loaded.at
    assert loaded.columns.velocity_mm_yr == pytest.approx(-20)
    if dtype.startswith("float"):
        values = np.full((4, 5), -20, dtype=dtype)
        values[1, :3] = np.nan, np.inf, -np.inf
        assert points(write(tmp_path / "a.tif", values), UP).columns.pid.size == 17


def test_blocks_of_rows_give_what_one_block_gives(tmp_path, monkeypatch):
    path = write(tmp_path / "a.tif", np.arange(20, dtype=np.float32).reshape(4, 5))
    whole = points(path, UP).columns
    monkeypatch.setattr(raster, "BLOCK_PIXELS", 5)
    assert len(list(open_velocity_field(path, declared=UP).batches())) > 1
    blocks = points(path, UP).columns
    assert blocks.pid.tolist() == whole.pid.tolist()
    assert blocks.velocity_mm_yr == pytest.approx(whole.velocity_mm_yr)
    assert blocks.latitude == pytest.approx(whole.latitude)


@pytest.mark.parametrize(("unit", "mm"), [("meters / year", 1000), ("mm/yr", 1), ("cm a-1", 10)])
def test_a_unit_that_the_band_states_is_taken_and_compared_with_the_declared_one(tmp_path, unit, mm):
    path = made_geotiff.make(tmp_path, value=-0.02, unit=unit)
    assert points(path, Declaration(positive="toward")).columns.velocity_mm_yr == pytest.approx(-0.02 * mm)
    other = "cm/yr" if mm == 1 else "mm/yr"
    assert f"its unit is {other} by --unit, but" in damage.outcome(path, Declaration(unit=other, positive="toward"))


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        ("radians / year", "which is no unit of velocity"),
        ("meters", "its values are m by the band: a displacement, not a velocity. Divide it by its years"),
    ],
)
def test_another_unit_than_of_velocities_is_named(tmp_path, unit, message):
    assert message in damage.outcome(made_geotiff.make(tmp_path, unit=unit), Declaration(positive="toward"))


@pytest.mark.parametrize(
    "name", ["20200101_20200701.geo.unw.tif", "filt_fine.unw.tif", "unwrap_ll.tif", "a_unw_phase.tif", "vel.tif"]
)
def test_a_phase_is_never_asked_for_a_unit_of_velocity(tmp_path, name):
    path = made_geotiff.make(tmp_path, name=name, unit="radian" if name == "vel.tif" else None)
    for declared in (None, UP):
        refused = damage.outcome(path, declared)
        assert "this is an unwrapped interferogram (radians), not a velocity. Give the whole stack" in refused


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("S1AB_20200101T004021_20200701T004022_VVP006_INT80_G_ueF_B4A1_corr", "a coherence"),
        ("S1AB_20200101T004021_20200701T004022_VVP006_INT80_G_ueF_B4A1_lv_theta", "directions or angles"),
        ("20200101_20200701.geo.cc", "a coherence"),
        ("021D_04972_131213.geo.E", "directions or angles"),
        ("coh_mean", "a coherence"),
        ("vstd.geo", "errors or counts"),
        ("geo_temporalCoherence", "a coherence"),
        ("geo_velocityStd", "errors or counts"),
        ("geo_maskTempCoh", "a mask"),
        ("20200101_20200113.int.cor", "a coherence"),
        ("20200101_20200113.unw.conncomp", "a mask"),
        ("temporal_coherence_20200101_20200125", "a coherence"),
        ("amp_dispersion_looked", "amplitudes"),
        ("dem_ll", "heights"),
        ("dem_error", "errors or counts"),
        ("20190104_20200709.cum.geo", "the displacement from 2019-01-04 to 2020-07-09"),
        ("displacement_20190104_20200709", "the displacement from 2019-01-04 to 2020-07-09"),
        ("20190104T051100_20200709T051100_los_disp", "the displacement from 2019-01-04 to 2020-07-09"),
        ("S1_disp", "the displacement of one date or pair"),
        ("geo_timeseries_ERA5_20200709", "the displacement of one date or pair"),
        ("cum_filt.geo", "the displacement of one date or pair"),
    ],
)
def test_a_layer_that_programs_write_beside_velocities_is_none_whatever_is_declared(tmp_path, name, held):
    path = made_geotiff.make(tmp_path, name=f"{name}.tif", value=0.5)
    assert f"by its name it holds {held}, not velocities. Give the velocities" in damage.outcome(path, UP)


@pytest.mark.parametrize(
    "name",
    [
        *("vel.mskd.geo", "vel_mask", "velocity_coh_masked", "asc_corrected", "height_change_rate", "U", "UD.geo"),
        *("displacement_rate", "vel_vertical", "cumberland"),
    ],
)
def test_names_of_velocities_are_no_names_of_other_layers(tmp_path, name):
    assert damage.outcome(made_geotiff.make(tmp_path, name=f"{name}.tif"), UP) == ""


@pytest.mark.parametrize(
    ("name", "component"), [("EW.geo", "east"), ("Vlos", "los"), ("LOS_VEL", "los"), ("vel_los_mm_yr", "los")]
)
def test_a_name_and_a_declaration_of_different_directions_are_refused(tmp_path, name, component):
    refused = damage.outcome(made_geotiff.make(tmp_path, name=f"{name}.tif"), UP)
    assert f"its component is {component} by its name, but up by --positive. Correct the wrong one" in refused


def test_fill_values_are_those_of_packed_numbers(tmp_path):
    values = np.round(np.random.default_rng(1).normal(0, 500, (40, 40))).astype(np.int16)
    values[:3] = -32768
    loaded = points(write(tmp_path / "a.tif", values, scale=0.01, offset=0.0), UP)
    assert loaded.columns.pid.size == 37 * 40
    assert np.abs(loaded.columns.velocity_mm_yr).max() < 30


def test_a_picture_is_no_field_of_velocities(tmp_path):
    path = write(tmp_path / "a.tif", np.arange(20, dtype=np.uint8).reshape(4, 5))
    assert "as of a picture" in damage.outcome(path, UP)
    assert "3 bands of 8-bit numbers, as of a picture" in damage.outcome(
        write(tmp_path / "b.tif", np.zeros((3, 4, 5), np.uint8))
    )


def sparse(path):
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "crs": "EPSG:4326", "SPARSE_OK": True, "tiled": True}
    with rasterio.open(path, "w", width=200_000, height=200_000, transform=made_geotiff.DEGREES, **profile):
        pass


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: made_geotiff.make(path, crs=None), "no reference system"),
        (lambda path: made_geotiff.make(path, transform=Affine(0.001, 0, 19.5, 0, -0.001, -99.2)), "swapped"),
        (lambda path: made_geotiff.make(path, crs="+proj=lcc +lat_1=40 +lat_2=50 +lon_0=7.123"), "no EPSG number"),
        (
            lambda path: made_geotiff.make(path, value=-32767, nodata=None, dtype="int32", scale=1e3, offset=0),
            "is impossible",
        ),
        (lambda path: write(path / "velocity.tif", np.zeros((3, 4, 5), dtype=np.float32)), "it holds 3 bands"),
        (lambda path: write(path / "velocity.tif", np.zeros((4, 5), dtype=np.complex64)), "complex64"),
        (lambda path: made_geotiff.make(path, scale=float("nan"), offset=0.0), "its scale is nan"),
        (lambda path: sparse(path / "velocity.tif"), "it declares 200000 x 200000 pixels"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_line_that_names_it(tmp_path, make, message):
    make(tmp_path)
    assert message in damage.outcome(tmp_path / "velocity.tif", UP)


def test_an_image_of_a_sentinel1_product_is_not_given_a_made_up_grid(tmp_path):
    (image, *_) = sorted(simulated_safe.make(tmp_path).glob("measurement/*.tiff"))
    message = "it has control points and no grid, as an image of a Sentinel-1 product"
    assert message in damage.outcome(image, UP)
    with pytest.raises(InputError, match=message):
        open_scenes(image, declared=Declaration(scale="amplitude"))


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_an_image_that_stands_nowhere_is_refused(tmp_path):
    made_geotiff.make(tmp_path, transform=None)
    assert "does not state where its pixels are" in damage.outcome(tmp_path / "velocity.tif", UP)


def test_a_folder_of_vx_and_vy_is_one_tracked_pair(tmp_path):
    path = made_geotiff.make_vx_vy(tmp_path / "pair")
    assert recognise(path) == "vx-vy"
    eastward, northward = all_points(path, Declaration(unit="m/day"))
    assert eastward.columns.velocity_mm_yr == pytest.approx(0.4 * 365_250, rel=1e-4)
    assert northward.columns.velocity_mm_yr == pytest.approx(0, abs=500)
    assert [f"{day:%Y%m%d}" for day in eastward.header.dates] == ["20180304", "20180405"]
    assert eastward.header.technique is Technique.TRACKING
    assert {file.name[-6:] for file in open_velocity_fields(path, declared=Declaration(unit="m/day"))[0].files} == {
        "vx.tif",
        "vy.tif",
    }


def test_vx_and_vy_ask_for_their_unit_and_for_one_grid(tmp_path):
    path = made_geotiff.make_vx_vy(tmp_path / "pair")
    assert "--unit" in damage.outcome(path)
    write(path / "20180304-20180405_velo_vy.tif", np.zeros((4, 6), dtype=np.float32), crs="EPSG:32607")
    assert "grid of vx" in damage.outcome(path, Declaration(unit="m/day"))
    made_geotiff.make_vx_vy(path, name="20180405-20180507_velo")
    assert "no product that is known" in damage.outcome(path)  # two pairs: file by file


@pytest.mark.realdata
def test_kaskawulsh_glacier_flows_by_hundreds_of_metres_a_year(real_data):
    eastward, northward = all_points(real_data / "glacier_kaskawulsh", Declaration(unit="m/day"))
    speed_m_yr = np.hypot(eastward.columns.velocity_mm_yr, northward.columns.velocity_mm_yr) / 1000
    assert eastward.columns.pid.size == 538_734
    assert 100 < np.percentile(speed_m_yr, 95) < 500
    assert np.median(speed_m_yr) < 40  # most of the image is rock


@pytest.mark.parametrize(
    ("name", "component"),
    [
        ("EGMS_L3_E46N17_100km_U_2020_2024_1.tiff", Component.UP),
        ("EGMS_L3_E46N17_100km_E_2019_2023_1.tiff", Component.EAST),
    ],
)
def test_an_egms_grid_is_mm_a_year_up_or_east_as_its_name_says(tmp_path, name, component):
    grid = Affine(100, 0, 4_600_000, 0, -100, 1_740_000)
    path = made_geotiff.make(tmp_path, value=-20.0, name=name, crs="EPSG:3035", transform=grid)
    loaded = points(path)
    assert loaded.columns.velocity_mm_yr == pytest.approx(-20)
    assert (loaded.header.component, loaded.header.level, loaded.header.release) == (component, "L3", name[23:-5])
    assert (loaded.header.posting_m, loaded.header.grid_epsg, loaded.header.has_series) == (100, 3035, False)
    assert "Copernicus" in loaded.header.attribution
    longitude, latitude = Transformer.from_crs(3035, 4326, always_xy=True).transform(4_600_250.0, 1_739_650.0)
    assert loaded.columns.longitude[loaded.at["3_2"]] == pytest.approx(longitude)
    assert loaded.columns.latitude[loaded.at["3_2"]] == pytest.approx(latitude)
    assert "not EPSG:3035" in damage.outcome(made_geotiff.make(tmp_path, name=name))


@pytest.mark.realdata
@pytest.mark.parametrize("component", ["U", "E"])
def test_egms_grids_agree_with_the_tables_of_the_same_name_cell_by_cell(real_data, component):
    stem = real_data / "egms_ustica" / f"EGMS_L3_E45N17_100km_{component}_2020_2024_1"
    grid, table = points(stem.with_suffix(".tiff")), points(stem.with_suffix(".zip"))
    assert grid.header.component is table.header.component
    assert (grid.header.tile, grid.header.release) == (table.header.tile, table.header.release)
    assert (grid.header.posting_m, grid.header.grid_epsg, grid.header.has_series) == (100, 3035, False)
    to_grid = Transformer.from_crs(4326, 3035, always_xy=True)

    def cells(loaded):
        x, y = to_grid.transform(loaded.columns.longitude, loaded.columns.latitude)
        keys = zip(np.floor(x / 100).astype(int), np.floor(y / 100).astype(int), strict=True)
        return dict(zip(keys, loaded.columns.velocity_mm_yr, strict=True))

    ours, theirs = cells(grid), cells(table)
    assert ours.keys() == theirs.keys()
    assert len(ours) == 522
    assert [ours[cell] for cell in ours] == pytest.approx([theirs[cell] for cell in ours], abs=0.051)
