"""The gate that all velocities pass: what it turns, leaves out, refuses and says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ground_motion.core.errors import InputError, Undeclared, refusing
from ground_motion.readers import gate
from ground_motion.readers.records import (
    Component,
    Declaration,
    Direction,
    FieldHeader,
    PointBatch,
    Stated,
    VelocityField,
)

PATH = Path("points.csv")
RNG = np.random.default_rng(5)


def points(n: int = 900, lon: float = 12.5, lat: float = 41.9, **columns: np.ndarray) -> PointBatch:
    """Made points within 0.02 degrees, ascending, velocities of noise."""
    unknown = np.full(n, np.nan, dtype=np.float32)
    made = {
        "pid": np.char.add("P", np.arange(n).astype(str)).astype("S8"),
        "longitude": lon + RNG.uniform(-0.01, 0.01, n),
        "latitude": lat + RNG.uniform(-0.01, 0.01, n),
        "velocity_mm_yr": RNG.normal(0, 2, n).astype(np.float32),
        "los_east": np.full(n, -0.6, dtype=np.float32),
        "los_north": np.full(n, -0.1, dtype=np.float32),
        "los_up": np.full(n, 0.79, dtype=np.float32),
        "displacement_mm": np.empty((n, 0), dtype=np.float32),
    }
    made |= dict.fromkeys(("height_m", "velocity_std_mm_yr", "temporal_coherence", "rmse_mm"), unknown)
    return PointBatch(**(made | columns))


def field_of(*batches: PointBatch, stated: Stated | None = None, **header) -> VelocityField:
    facts = {"source_format": "made", "level": "made", "component": Component.LOS, "dates": (), "has_series": False}
    return VelocityField(
        header=FieldHeader(**(facts | header)), batches=lambda: iter(batches), stated=stated or Stated()
    )


def passed(*batches: PointBatch, **given) -> tuple[PointBatch, list[str]]:
    """Return (all points that the gate lets through, what it says)."""
    field = gate.admit(PATH, field_of(*batches, **given))
    return gate.join_batches(list(field.batches())), field.changes


def reasons(batch: PointBatch) -> list[str]:
    return sorted(row.reason for row in batch.refused)


@pytest.mark.parametrize("lon", [281.2, -78.8, -339.2, 20.8, 359.995, -359.995])
def test_longitudes_of_every_notation_become_the_same_place(lon):
    got, changes = passed(points(lon=lon))
    there = (lon + 180) % 360 - 180
    assert got.pid.size == 900
    assert np.abs(got.longitude).max() <= 180
    assert np.allclose(np.median((got.longitude - there + 180) % 360 - 180), 0, atol=0.002)
    assert bool(changes) == (abs(lon) > 180)
    assert not changes or f"by {(there - lon):+.0f} degrees" in changes[0]


def test_points_on_both_sides_of_180_stay_on_both_sides():
    got, changes = passed(points(lon=180.0, lat=-16.8))
    assert {-1.0, 1.0} == set(np.sign(got.longitude))
    assert got.pid.size == 900
    assert changes


def test_rows_at_zero_zero_and_rows_far_from_all_others_are_refused_with_a_reason():
    lost, far = points(18, longitude=np.zeros(18), latitude=np.zeros(18)), points(2, lon=112.5)
    for order in ((points(), lost, far), (far, lost, points())):
        got, _ = passed(*order)
        assert got.pid.size == 900
        assert reasons(got) == [gate.FAR] * 2 + [gate.NOT_GEOCODED] * 18


def test_two_cities_and_a_small_far_place_are_kept():
    got, _ = passed(points(5000), points(3000, lon=70.0), points(12, lon=-25.0), points(4, lon=12.9))
    assert (got.pid.size, got.refused) == (8016, ())


def test_few_points_wide_apart_are_kept():
    got, _ = passed(*(points(1, lon=lon) for lon in (-60.0, 0.5, 30.0, 90.0)))
    assert got.pid.size == 4


@pytest.mark.parametrize(("lon", "lat"), [(41.9, 139.7), (630_000.0, 41.9)])
def test_places_that_do_not_exist_are_one_error_and_few_of_them_refused_rows(lon, lat):
    with pytest.raises(InputError, match="no place on the Earth"):
        passed(points(lon=lon, lat=lat))
    got, _ = passed(gate.join_batches([points(), points(5, lon=lon, lat=lat)]))
    assert got.pid.size == 900
    assert reasons(got) == ["its position is not on the Earth"] * 5


def test_positions_outside_the_area_of_their_system_are_an_error_that_says_where():
    stated = Stated(crs=32654)
    assert passed(points(lon=139.7, lat=35.6), stated=stated)[0].pid.size == 900
    with pytest.raises(InputError, match=r"170\.5. E 3\.0. N is outside the area of EPSG:32654 \(138 to 144 E"):
        passed(points(lon=170.55, lat=3.0), stated=stated)
    for lon, lat, crs in ((5.3, 60.4, 25833), (30.0, 70.0, 25833), (18.2, 40.4, 32632), (-17.9, 28.0, 25828)):
        assert passed(points(lon=lon, lat=lat), stated=Stated(crs=crs))[0].pid.size == 900
    over_180 = Stated(crs=32660)
    assert passed(points(lon=-179.0, lat=10.0), stated=over_180)[0].pid.size == 900


@pytest.mark.parametrize("fill", [-9999.0, -999.0, -32767.0, 9999.0, -9999.9, 99.99, 1e20, np.float32(9.96921e36)])
@pytest.mark.parametrize("scale", [1.0, 1000.0, -10.0])
def test_usual_fill_values_are_missing_values_whatever_the_unit(fill, scale):
    velocity = points().velocity_mm_yr * np.float32(scale)
    with np.errstate(over="ignore"):
        velocity[::2] = np.float32(fill) * np.float32(scale)
    batch = points(velocity_mm_yr=velocity)
    got, changes = passed(batch, stated=Stated(velocity_scale=scale))
    assert got.pid.size == 450
    assert "450 rows hold" in changes[0]
    in_table, _ = passed(batch, stated=Stated(velocity_scale=scale, unique_ids=False))
    assert len(in_table.refused) == 450


def test_numbers_like_small_fill_values_are_kept_where_they_may_be_measured():
    velocity = points().velocity_mm_yr
    velocity[7] = -99
    assert passed(points(velocity_mm_yr=velocity))[0].pid.size == 900
    velocity[100:110], velocity[:300] = -99, np.linspace(-80, 0, 300)
    assert passed(points(velocity_mm_yr=velocity))[0].pid.size == 900


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("height_m", 31.5, -9999.0),
        ("height_m", -430.0, 32767.0),
        ("velocity_std_mm_yr", 0.4, -999.0),
        ("velocity_std_mm_yr", 0.4, 1e20),
        ("temporal_coherence", 0.9, 255.0),
        ("rmse_mm", 2.0, 9999.0),
    ],
)
def test_impossible_heights_and_measures_of_quality_are_unknown_and_their_points_kept(name, good, bad):
    values = np.full(900, good, dtype=np.float32)
    values[::9] = bad
    got, changes = passed(points(**{name: values}))
    assert got.pid.size == 900
    assert np.isnan(getattr(got, name)).sum() == 100
    assert np.nanmax(getattr(got, name)) == np.float32(good)
    assert changes == [f"100 values of {name} are impossible or fill values, and were taken as unknown."]


def test_velocities_that_are_all_zero_were_not_measured():
    with pytest.raises(InputError, match="all of its velocities are 0"):
        passed(points(velocity_mm_yr=np.zeros(900, dtype=np.float32)))


def test_zero_is_missing_where_it_is_far_more_frequent_than_any_other_value():
    velocity = RNG.normal(0, 2, 3600).astype(np.float32)
    velocity[:1900] = 0
    got, changes = passed(points(3600, velocity_mm_yr=velocity))
    assert got.pid.size == 1700
    assert "1,900 rows hold 0" in changes[0]


@pytest.mark.parametrize("step", [0.1, 1.0])
def test_zero_is_a_rate_where_rates_are_rounded(step):
    velocity = (np.round(RNG.normal(0, 2, 30_000) / step) * step).astype(np.float32)
    got, changes = passed(points(30_000, velocity_mm_yr=velocity))
    assert (got.pid.size, changes) == (30_000, [])


def test_a_reference_point_of_zero_is_kept():
    velocity = points(3000).velocity_mm_yr
    velocity[7] = 0
    assert passed(points(3000, velocity_mm_yr=velocity))[0].pid.size == 3000


def test_zeros_that_come_first_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(gate, "MAX_HELD_BYTES", 100_000)
    empty = [points(900, velocity_mm_yr=np.zeros(900, dtype=np.float32)) for _ in range(5)]
    got, _ = passed(*empty, points(3000))
    assert got.pid.size in {3000, 7500}


def test_another_constant_in_a_suspicious_share_is_asked_about():
    velocity = points(3000).velocity_mm_yr
    velocity[:600] = 1.5
    with pytest.raises(InputError, match=r"20% of its values are exactly 1\.5"):
        passed(points(3000, velocity_mm_yr=velocity))


def test_fill_values_in_series_are_unknown_and_slopes_are_computed_without_them():
    dates = tuple(np.datetime64(f"{2015 + k}-01-01").astype(object) for k in range(6))
    series = (np.arange(6) * -5 + RNG.normal(0, 0.5, (900, 6))).astype(np.float32)
    series[:, 2] = -9999.9
    header = {"dates": dates, "has_series": True}
    given = points(displacement_mm=series, velocity_mm_yr=np.full(900, 77, dtype=np.float32))
    got, changes = passed(given, stated=Stated(velocity_is_slope=True), **header)
    assert np.isnan(got.displacement_mm[:, 2]).all()
    assert np.abs(got.velocity_mm_yr + 5).max() < 1
    assert changes == ["900 displacements hold a fill value."]
    kept, _ = passed(given, **header)
    assert (kept.velocity_mm_yr == 77).all()


def test_zeros_of_missing_dates_are_unknown_and_those_of_a_reference_or_of_rounding_are_kept():
    dates = tuple(np.datetime64(f"{2015 + k}-01-01").astype(object) for k in range(6))
    series = RNG.normal(0, 5, (900, 6)).astype(np.float32)
    series[:, 0], series[::3, 3] = 0, 0
    got, changes = passed(points(displacement_mm=series), dates=dates, has_series=True)
    assert np.isnan(got.displacement_mm).sum(axis=0).tolist() == [0, 0, 0, 300, 0, 0]
    assert changes == ["300 displacements hold a fill value."]
    rounded = np.round(RNG.normal(0, 2, (9000, 6)), 1).astype(np.float32)
    assert passed(points(9000, displacement_mm=rounded), dates=dates, has_series=True)[1] == []


def test_an_impossible_size_names_it():
    fast = points(velocity_mm_yr=np.full(900, 2e6, dtype=np.float32))
    with pytest.raises(InputError, match=r"a velocity of 2e\+06 mm/yr is impossible"):
        passed(fast)
    assert passed(fast, stated=Stated(velocity_scale=1000.0))[0].pid.size == 900  # 2 km/yr of ice


def test_a_row_that_stands_twice_is_kept_once():
    given = points()
    again = given.rows(np.arange(900) < 300)
    for batches in ((given, again), (gate.join_batches([given, again]),)):
        got, _ = passed(*batches, stated=Stated(unique_ids=False))
        assert sorted(got.pid) == sorted(given.pid)
        assert reasons(got) == [gate.TWICE] * 300


def test_one_id_on_two_different_rows_is_an_error_that_names_it():
    other = replace(points(1, lon=12.6), pid=np.array([b"P7"]))
    with pytest.raises(InputError, match="id 'P7' stands on two different rows"):
        passed(points(), other, stated=Stated(unique_ids=False))


def test_ids_that_share_a_bit_are_all_kept_and_old_ones_are_still_known(monkeypatch):
    monkeypatch.setattr(gate._Ids, "BITS", 10)
    monkeypatch.setattr(gate._Ids, "MAX_CHUNKS", 2)
    many = [replace(points(900), pid=np.char.add(f"{k}_".encode(), points(900).pid)) for k in range(8)]
    got, _ = passed(*many, many[1], stated=Stated(unique_ids=False))
    assert got.pid.size == 7200
    assert reasons(got) == [gate.TWICE] * 900


def test_a_second_track_in_later_rows_contradicts_no_direction_that_the_first_rows_show():
    other = points(los_east=np.full(900, 0.6, dtype=np.float32), pid=np.array([b"Q%d" % n for n in range(900)]))
    got, _ = passed(points(), other, direction=Direction.ASCENDING)
    assert got.pid.size == 1800
    sides: set[bool] = set()
    gate.check_loadable(PATH, points(), sides)
    with pytest.raises(InputError, match="of an ascending and of a descending track"):
        gate.check_loadable(PATH, other, sides)


def test_the_line_of_sight_contradicts_a_stated_direction():
    stated = Stated(direction={"ORBIT_DIRECTION": Direction.DESCENDING})
    with pytest.raises(InputError, match=r"descending by ORBIT_DIRECTION, but ascending by its line of sight"):
        passed(points(), stated=stated)
    assert passed(points(), stated=replace(stated, look=-1.0))[0].pid.size == 900
    both = {"HEADING": Direction.ASCENDING, "azimuthAngle": Direction.DESCENDING}
    with pytest.raises(InputError, match="its direction is ascending by HEADING, but descending by azimuthAngle"):
        gate.admit(PATH, field_of(points(), stated=Stated(direction=both)))
    field = field_of(points(), direction=Direction.ASCENDING)
    with pytest.raises(InputError, match="its line of sight says ascending, and its name says descending"):
        gate.admit(Path("Sentinel_Dsc.shp"), field, Declaration(needs_period=True))
    said = replace(field, stated=Stated(direction={"the mapping": Direction.ASCENDING}))
    assert gate.admit(Path("Sentinel_Dsc.shp"), said, Declaration(needs_period=True)).changes == []
    named = gate.admit(Path("Sentinel_Dsc.shp"), field)
    assert sum(batch.pid.size for batch in named.batches()) == 900
    assert named.changes == ["The line of sight says ascending and is used; the name says descending."]


def test_angles_in_radians_are_refused():
    up = np.full(900, np.cos(np.radians(0.68)), dtype=np.float32)
    with pytest.raises(InputError, match=r"0\.68 degrees from the vertical"):
        passed(points(los_up=up))


def test_nothing_left_is_an_error_that_says_why():
    with pytest.raises(InputError, match="none of its 18 rows can be used: its position is 0, 0"):
        passed(points(18, longitude=np.zeros(18), latitude=np.zeros(18)))


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("meters / year", "m/yr"),
        ("m/y", "m/yr"),
        ("m a-1", "m/yr"),
        ("mm/a", "mm/yr"),
        ("mm yr^-1", "mm/yr"),
        ("[mm/yr]", "mm/yr"),
        ("millimetres per year", "mm/yr"),
        ("cm/year", "cm/yr"),
        ("meter/day", "m/day"),
        ("radians / year", "radians/yr"),
        ("rad", "radians"),
        ("mm", "mm"),
        ("furlongs", "furlongs"),
    ],
)
def test_units_are_read_in_every_spelling(text, unit):
    assert gate.unit_of(text) == unit


def test_unit_and_sign_by_file_and_submitter_must_agree():
    declared = Declaration(unit="mm/yr", positive="toward")
    assert gate.units(PATH, declared).factor == 1.0
    assert gate.units(PATH, Declaration(positive="away"), unit={"the band": "meters / year"}).factor == -1000.0
    with pytest.raises(InputError, match="its unit is mm/yr by --unit, but m/yr by the band"):
        gate.units(PATH, declared, unit={"the band": "meters / year"})
    with pytest.raises(InputError, match="radians/yr"):
        gate.units(PATH, Declaration(positive="away"), unit={"the band": "radians / year"})
    with pytest.raises(InputError, match="toward by --positive, but up by column 'v_up'"):
        gate.units(PATH, declared, sign={"column 'v_up'": "up"})


def test_all_that_is_missing_is_asked_for_at_once():
    with pytest.raises(Undeclared) as fault:
        gate.units(PATH, Declaration(needs_period=True), dates_known=False)
    assert fault.value.missing == ("unit", "positive", "period")
    assert "unit, sign and period" in str(fault.value)
    assert "--unit mm/yr --positive toward --period" in fault.value.remedy
    assert len(fault.value.sentence) <= 200
    with pytest.raises(Undeclared, match="the sign of its values is not declared"):
        gate.units(PATH, Declaration(unit="mm/yr"), dates_known=False)


def test_what_is_declared_for_a_folder_holds_for_files_that_state_nothing():
    declared = Declaration(unit="mm/yr", positive="toward", for_lacking=True)
    assert gate.units(PATH, declared, unit={"P-SBAS": "cm/yr"}, sign={"P-SBAS": "away"}).factor == -10.0
    assert gate.units(PATH, declared, unit={"the band": None}).factor == 1.0


def test_rows_keep_their_order_although_it_is_judged_later_what_zero_means():
    rounded = [np.round(RNG.normal(0, 2, 3000), 1).astype(np.float32) for _ in range(12)]
    given = [points(3000, velocity_mm_yr=velocity) for velocity in rounded]
    got, _ = passed(*given)
    assert np.array_equal(got.velocity_mm_yr, np.concatenate(rounded))


def test_text_of_a_file_is_no_template():
    stated = "%(fault)s 5%z"
    with pytest.raises(InputError) as caught, refusing("a.h5", f"its time is {stated!r}", "Make it again", ValueError):
        raise ValueError("no time")
    assert f"its time is {stated!r}. Make it again." in str(caught.value)
    with (
        pytest.raises(InputError, match="layer a is damaged: no time"),
        refusing("a.gpkg", "layer %(layer)s is damaged: %(fault)s", "Export it", ValueError, layer="a"),
    ):
        raise ValueError("no time")
