"""Mapping files: they make any table readable, name odd columns, and are refused with the fault's own line."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from ingest.errors import InputError
from ingest.formats import open_velocity_field, recognise
from ingest.readers.records import Declaration, Direction
from tests.makers.damage import outcome
from tests.makers.generic import DATES, make, mapping, projected

EXAMPLE = Path(__file__).resolve().parents[4] / "docs/examples/mapping.toml"


def test_the_example_mapping_reads_a_projected_commercial_export(tmp_path):
    def commercial(table):
        placed = projected(table)
        table.clear()
        table.update(placed)
        for ours, theirs in (("EASTING", "E_UTM32"), ("NORTHING", "N_UTM32")):
            table[theirs] = table.pop(ours)
        table["HEIGHT"][2] = -9999

    field = open_velocity_field(make(tmp_path, change=commercial), declared=Declaration(mapping=EXAMPLE))
    (batch,) = field.batches()
    assert batch.longitude[5] == pytest.approx(11.005, abs=1e-6)
    assert batch.latitude[5] == pytest.approx(47.5, abs=1e-6)
    assert batch.velocity_mm_yr == pytest.approx(-20.0)
    assert np.isnan(batch.height_m[2])
    assert batch.los_east[0] == pytest.approx(-0.613, abs=0.001)
    header = field.header
    assert (header.track, header.direction, header.tile) == (44, Direction.ASCENDING, "example/harbour/044")
    assert (header.attribution, header.licence, header.release) == ("Example Surveys Ltd", "CC BY 4.0", "2025_2")


def test_a_mapping_makes_any_table_generic_and_names_odd_columns(tmp_path):
    content = """
        unit = "mm/yr"
        positive = "away"
        [columns]
        pid = "Nr"
        longitude = "Rechts"
        latitude = "Hoch"
        velocity = "Rate"
    """
    renamed = {"CODE": "Nr", "LON": "Rechts", "LAT": "Hoch", "VEL": "Rate"}

    def rename(table):
        for name in list(table):
            table[renamed.get(name, name)] = table.pop(name)

    path = make(tmp_path, change=rename)
    with pytest.raises(InputError, match="none of the known formats"):
        recognise(path)
    (batch,) = open_velocity_field(path, declared=mapping(tmp_path, content)).batches()
    assert batch.velocity_mm_yr == pytest.approx(20.0)
    assert np.isnan(batch.temporal_coherence).all()  # with [columns], what it does not name is not read


def test_a_mapping_states_another_unit_for_the_series_and_its_own_dates(tmp_path):
    def metres(table):
        for day in DATES:
            table[f"{day[6:]}.{day[4:6]}.{day[:4]}"] = [value / 1000 for value in table.pop(f"D{day}")]

    content = 'unit = "mm/yr"\nseries = "m"\npositive = "toward"\ndates = "%d.%m.%Y"\n'
    field = open_velocity_field(make(tmp_path, change=metres), declared=mapping(tmp_path, content))
    (batch,) = field.batches()
    assert batch.displacement_mm[:, -1] == pytest.approx(-40.02)
    assert field.header.dates[-1] == date(2022, 1, 3)


BAD_MAPPINGS = {
    "cannot be read as TOML": "unit = ",
    "'units' is no key": 'units = "mm/yr"',
    "unit = 'inch/yr' is not accepted": 'unit = "inch/yr"',
    "positive = 'forward' is not accepted": 'positive = "forward"',
    "epsg = 'utm32' is not accepted": 'epsg = "utm32"',
    "EPSG:999999 is not a known reference system": 'epsg = 999999\nunit = "mm/yr"\npositive = "up"\n[columns]\n'
    'easting = "LON"\nnorthing = "LAT"\nvelocity = "VEL"',
    "column 'NOPE' is missing": 'unit = "mm/yr"\npositive = "up"\n[columns]\nvelocity = "NOPE"',
    "'speed' is nothing that a point has": '[columns]\nspeed = "VEL"',
    "velocity = 3 is not what [columns] holds": "[columns]\nvelocity = 3",
    "the date pattern 'D%Y%m' is none": 'dates = "D%Y%m"\nunit = "mm/yr"\npositive = "up"',
    "no column is called like": 'dates = "Z%Y%m%d"\nunit = "mm/yr"\npositive = "up"',
    "no column is a position": 'unit = "mm/yr"\npositive = "up"\n[columns]\nvelocity = "VEL"',
    "direction is descending by the mapping, but ascending": 'unit = "mm/yr"\npositive = "toward"\n'
    'direction = "descending"\n[constants]\nincidence_angle = 38\ntrack_angle = 350',
}


@pytest.mark.parametrize("message", BAD_MAPPINGS)
def test_a_bad_mapping_is_refused_with_a_line_that_names_the_fault(tmp_path, message):
    assert message in outcome(make(tmp_path), mapping(tmp_path, BAD_MAPPINGS[message]))
