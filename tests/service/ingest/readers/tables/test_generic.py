"""Tables of points: columns by alias or mapping, units and signs that are declared, never guessed."""

from datetime import date

import numpy as np
import pytest

from ground_motion.readers.formats.registry import open_velocity_field, recognise
from ground_motion.readers.records import Component, Declaration, Direction, join_batches
from ground_motion.readers.tables import columns
from ground_motion.readers.tables.generic import csv_source
from tests.makers import damage
from tests.makers.damage import the_batch, the_field
from tests.makers.generic import DATES, TOWARD, make, mapping, projected

KINDS = ("csv", "zip", "gpkg", "parquet", "shp", "shp.zip", "fgb", "gdb", "gdb.zip")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_gives_the_same_points(tmp_path, kind):
    path = make(tmp_path, kind, n=4, velocity=-20.0, los=True)
    assert recognise(path) == "generic"
    field = open_velocity_field(path, declared=TOWARD)
    (one,) = field.batches()
    assert list(one.pid) == [b"P00000", b"P00001", b"P00002", b"P00003"]
    assert one.longitude == pytest.approx([11.0, 11.001, 11.002, 11.003])
    assert one.latitude == pytest.approx(47.5)
    assert one.velocity_mm_yr == pytest.approx(-20.0)
    assert one.velocity_std_mm_yr == pytest.approx(0.4)
    assert one.temporal_coherence == pytest.approx(0.9)
    assert one.height_m == pytest.approx(560.0)
    assert one.displacement_mm[:, -1] == pytest.approx(-40.02)
    assert field.header.dates[0] == date(2020, 1, 3)
    assert (field.header.component, field.header.direction) == (Component.LOS, Direction.ASCENDING)


@pytest.mark.parametrize(
    ("unit", "positive", "component", "factor"),
    [
        ("mm/yr", "toward", Component.LOS, 1),
        ("cm/yr", "toward", Component.LOS, 10),
        ("m/yr", "away", Component.LOS, -1000),
        ("mm/yr", "up", Component.UP, 1),
        ("cm/yr", "down", Component.UP, -10),
        ("mm/yr", "west", Component.EAST, -1),
    ],
)
def test_unit_and_sign_are_turned_into_ours(tmp_path, unit, positive, component, factor):
    header, batch = the_field(make(tmp_path, velocity=2.0), declared=Declaration(unit=unit, positive=positive))
    assert header.component is component
    assert batch.velocity_mm_yr == pytest.approx(2.0 * factor)
    assert batch.displacement_mm[:, -1] == pytest.approx(4.002 * factor)
    assert batch.velocity_std_mm_yr[0] == pytest.approx(0.4 * abs(factor))


NAMES = [
    {"CODE": "pid", "LON": "longitude", "LAT": "latitude", "VEL": "mean_velocity", "COHERENCE": "temporal_coherence"},
    {"CODE": "ID", "LON": "x", "LAT": "y", "VEL": "v", "COHERENCE": "coh", "V_STDEV": "stdev"},
    {"CODE": "pnt_id", "LON": "pnt_lon", "LAT": "pnt_lat", "VEL": "vel_mean", "COHERENCE": "pnt_enscoh"},
    {"CODE": "Point_ID", "LON": "Long", "LAT": "Lat.", "VEL": "V_LOS [mm/yr]", "HEIGHT": "h"},
]
FORMS = ("{0}{1}{2}", "d{0}{1}{2}", "X{0}{1}{2}", "_{0}{1}{2}", "TS{0}{1}{2}", "{}-{}-{}", "d_{}_{}_{}", "X{}.{}.{}")


@pytest.mark.parametrize(("names", "dates"), [*zip(NAMES * 2, FORMS, strict=True)])
def test_common_names_are_known(tmp_path, names, dates):
    def rename(table):
        for name in list(table):
            day = name[1:]
            given = dates.format(day[:4], day[4:6], day[6:]) if day in DATES else names.get(name, name)
            table[given] = table.pop(name)

    batch = the_batch(make(tmp_path, change=rename, delimiter=";"), TOWARD)
    assert batch.pid[0] == b"P00000"
    assert batch.velocity_mm_yr == pytest.approx(-20.0)
    assert batch.temporal_coherence == pytest.approx(0.9)
    assert batch.displacement_mm.shape == (12, 5)


@pytest.mark.parametrize(
    ("kind", "change"),
    [("parquet", lambda table: table.pop("CODE")), ("csv", lambda table: table.update(CODE=[""] * 12))],
)
def test_without_ids_rows_are_numbered_through(tmp_path, kind, change):
    field = open_velocity_field(make(tmp_path, kind, change=change), declared=TOWARD)
    pids = [pid for batch in field.batches() for pid in batch.pid]
    assert pids == [str(number).encode() for number in range(1, 13)]
    assert kind == "csv" or field.header.extras["pid"] == "row number"


def test_without_velocities_the_slope_of_the_series_is_taken(tmp_path):
    def spoil(table):
        table.pop("VEL")
        table["D20210103"][3] = ""

    field = open_velocity_field(
        make(tmp_path, change=spoil, velocity=-2.0), declared=Declaration(unit="cm/yr", positive="toward")
    )
    (batch,) = field.batches()
    assert batch.velocity_mm_yr == pytest.approx(-20.0, rel=1e-3)
    assert "least-squares" in field.header.extras["velocity"]


@pytest.mark.parametrize(
    ("heading", "vector"),
    [
        (-10.0, (-0.62, -0.10, 0.78)),
        (350.0, (-0.62, -0.10, 0.78)),
        (190.0, (0.61, -0.11, 0.78)),
    ],
)
def test_a_line_of_sight_is_computed_for_a_radar_that_looks_right(tmp_path, heading, vector):
    def angles(table):
        table["incidence_angle"], table["track_angle"] = [38.5] * 12, [heading] * 12

    header, batch = the_field(make(tmp_path, change=angles), declared=TOWARD)
    assert (batch.los_east[0], batch.los_north[0], batch.los_up[0]) == pytest.approx(vector, abs=0.015)
    assert header.direction is (Direction.DESCENDING if heading == 190 else Direction.ASCENDING)


@pytest.mark.realdata
@pytest.mark.parametrize("track", ["022_0845", "117_0227"])
def test_a_real_file_read_as_any_table_gives_what_its_own_reader_gives(real_data, track):
    (path,) = (real_data / "egms_ustica").glob(f"EGMS_L2b_{track}_*.zip")
    own, general = (open_velocity_field(path, name, TOWARD) for name in ("egms", "generic"))
    assert (own.header.dates, own.header.direction) == (general.header.dates, general.header.direction)
    one, other = (join_batches(list(field.batches())) for field in (own, general))
    for name in ("pid", "longitude", "latitude", "velocity_mm_yr", "velocity_std_mm_yr", "rmse_mm", "los_east"):
        assert (getattr(one, name) == getattr(other, name)).all()
    assert np.array_equal(one.displacement_mm, other.displacement_mm, equal_nan=True)
    source = columns.Source("CSV", *csv_source(path)[1:3])
    wanted = ("incidence_angle", "track_angle", *columns.LOS_VECTOR)
    rows = next(source.batches(dict.fromkeys(wanted, columns.PLACE), 1000))
    incidence, heading, *stated = (rows.column(name).to_numpy() for name in wanted)
    assert np.abs(columns.line_of_sight(incidence, heading) - np.stack(stated)).max() < 0.002


BAD = {
    "swapped": lambda t: t.update(LAT=[100.0] * 12, LON=t["LAT"]),
    "appears twice": lambda t: t.update({" VEL": t["VEL"]}),
    "'VEL' and 'velocity' may each be the velocity": lambda t: t.update(velocity=t["VEL"]),
    "or two are of one day": lambda t: t.update({"D2020-01-01": t["VEL"], "D20200101": t["VEL"]}),
    "are not all dates of one form": lambda t: t.update(D20221301=t["VEL"]),
    "a number is written '-20,5', with a comma, and '11.0' with a point": lambda t: t["VEL"].__setitem__(1, "-20,5"),
    "line 3: column 'VEL' holds '0.40 mm', which is no number": lambda t: t["VEL"].__setitem__(1, "0.40 mm"),
    "a row has 14 fields where the header names 13": lambda t: t["VEL"].__setitem__(1, "1;2"),
    "move 0.1 times as fast": lambda t: t.update({f"D{day}": [x / 10 for x in t[f"D{day}"]] for day in DATES}),
    "move -1 times as fast": lambda t: t.update({f"D{day}": [-x for x in t[f"D{day}"]] for day in DATES}),
    "move 1e+03 times as fast": lambda t: t.update(VEL=[-0.02] * 12),
    "its track angles, such as -2.94, are radians": lambda t: t.update(INC=[37.0] * 12, HEADING=[-2.94] * 12),
    "latitude 4.8e+06 and longitude 500000 is no place": lambda t: t.update(LON=[5e5] * 12, LAT=[4.8e6] * 12),
    "a velocity of 2e+07 mm/yr is impossible": lambda t: t["VEL"].__setitem__(0, 2e7),
}


@pytest.mark.parametrize("name", ["D{} [cm]", "D{}_cm", "D{} (cm)"])
def test_a_unit_in_the_names_of_columns_is_their_own_and_columns_that_are_not_read_are_named(tmp_path, name):
    def in_cm(table):
        for day in DATES:
            table[name.format(day)] = [value / 10 for value in table.pop(f"D{day}")]
        table |= {f"day_{n}": [1.0] * 12 for n in range(6)}

    path = make(tmp_path, change=in_cm)
    assert the_batch(path, TOWARD).displacement_mm[:, -1] == pytest.approx(-40.02)
    assert open_velocity_field(path, declared=TOWARD).changes == ["6 columns 'day_#' were not read."]
    stated = mapping(tmp_path, 'series = "mm"\nunit = "mm/yr"\npositive = "toward"')
    assert "unit of its series is mm by the mapping, but cm by column" in damage.outcome(path, stated)
    path = make(tmp_path, change=lambda t: t.__setitem__("vel_cm_yr", t.pop("VEL")), velocity=-2.0)
    assert the_batch(path, Declaration(positive="toward")).velocity_mm_yr == pytest.approx(-20.0)
    assert "unit is mm/yr by --unit, but cm/yr by column 'vel_cm_yr'" in damage.outcome(path, TOWARD)


def test_columns_of_years_are_a_series_only_if_they_move_as_the_velocities_do(tmp_path):
    def years(table, rate, first=-20.0):
        for day in DATES:
            del table[f"D{day}"]
        table |= {str(year): [rate * (year - 2016) + first] * 12 for year in range(2016, 2022)}

    path = make(tmp_path, change=lambda table: years(table, -20.0))
    assert len(the_field(path, TOWARD)[0].dates) == 6
    path = make(tmp_path, change=lambda table: years(table, 0.0, first=5.0))
    assert "its columns 2016 … may hold displacements or rates of these years" in damage.outcome(path, TOWARD)
    stated = mapping(tmp_path, 'dates = "%Y"\nunit = "mm/yr"\npositive = "toward"')
    assert len(the_field(path, stated)[0].dates) == 6
    path = make(tmp_path, change=lambda table: years(table, 0.0))  # the motion of each year
    assert "its series are increments" in damage.outcome(path, stated)


def test_x_and_y_are_metres_where_the_mapping_states_their_system(tmp_path):
    def metres(table, names=("X", "Y")):
        placed = projected(table)
        del table["LON"], table["LAT"]
        table |= dict(zip(names, (placed["EASTING"], placed["NORTHING"]), strict=True))

    utm = mapping(tmp_path, 'unit = "mm/yr"\npositive = "toward"\nepsg = 25832\n')
    path = make(tmp_path, change=metres)
    assert the_batch(path, utm).longitude[5] == pytest.approx(11.005, abs=1e-6)
    assert "name their epsg in a mapping" in damage.outcome(path, TOWARD)
    path = make(tmp_path, change=lambda table: metres(table, ("EASTING", "NORTHING")))
    assert "reference system of its easting and northing is not declared" in damage.outcome(path, TOWARD)
    path = make(tmp_path, change=lambda table: table.update(NORTHING=table["LON"], EASTING=table["LAT"]))
    assert "do not name the same places" in damage.outcome(path, utm)


UNDECLARED = {
    "the unit and sign of its values are not declared. Add what holds, as in --unit mm/yr": Declaration(),
    "the unit of its values is not declared": Declaration(positive="toward"),
    "the sign of its values is not declared": Declaration(unit="mm/yr"),
}


@pytest.mark.parametrize("message", [*BAD, *UNDECLARED])
def test_a_bad_table_is_refused_with_a_line_that_names_the_fault(tmp_path, message):
    path = make(tmp_path, change=BAD.get(message, lambda table: None), delimiter=";")
    assert message in damage.outcome(path, UNDECLARED.get(message, TOWARD))
