"""Every source, one row each: ground that is known to move, in that source's own unit and sign, comes out in ours.

A new format adds its row to SOURCES: its name, what makes a file of that motion in a folder, and what is expected.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pytest

from ingest.readers import VELOCITY_READERS, recognise
from ingest.readers.records import Component, Declaration, Technique
from tests.conftest import csv_text, egms_table
from tests.makers import generic as made_generic
from tests.makers import geotiff as made_geotiff
from tests.makers import hyp3 as made_hyp3
from tests.makers import insar_norway as made_insar_norway
from tests.makers import its_live as made_its_live
from tests.makers import licsar as made_licsar
from tests.makers import mintpy as made_mintpy
from tests.makers import opera_disp as made_opera_disp
from tests.makers import pyrate as made_pyrate
from tests.makers.damage import all_points

SINKS = -20.0  # mm/yr: away from the satellite, or down
FLOWS = 100_000.0  # mm/yr, to the east


class Source(NamedTuple):
    """format: by which it is recognised. make: writes a file or folder. component and mm_yr: what must come out.

    Of stacks of interferograms, whose zero is a convention, half of the ground is still.
    """

    format: str
    make: Callable[[Path], Path]
    component: Component
    mm_yr: float
    technique: Technique = Technique.INSAR
    declared: Declaration | None = None
    series: bool = True


def egms(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_text(csv_text(egms_table(velocity_mm_yr=SINKS, level="L3" if "_L3_" in name else "L2b")))
        return path

    return make


def egms_grid(folder: Path) -> Path:
    """mm/yr, plus is up."""
    grid = made_geotiff.Affine(100, 0, 4_600_000, 0, -100, 1_740_000)
    name = "EGMS_L3_E46N17_100km_U_2020_2024_1.tiff"
    return made_geotiff.make(folder, value=SINKS, name=name, crs="EPSG:3035", transform=grid)


def licsbas(folder: Path) -> Path:
    """mm and mm/yr, plus is toward."""
    with h5py.File(folder / "cum.h5", "w") as file:
        file["imdates"] = np.array([20200101, 20210101])
        file["cum"] = np.array([0.0, 366 / 365.25])[:, None, None] * np.full((4, 5), SINKS, dtype=np.float32)
        file["vel"] = np.full((4, 5), SINKS, dtype=np.float32)
        file["corner_lat"], file["corner_lon"], file["post_lat"], file["post_lon"] = 19.5, -99.2, -0.001, 0.001
    return folder / "cum.h5"


def hyp3(layer: str) -> Callable[[Path], Path]:
    return lambda folder: made_hyp3.make(folder, SINKS, layers=(layer,))


def geotiff(unit: str, positive: str, value: float, component: Component = Component.LOS, **more) -> Source:
    return Source(
        "geotiff",
        lambda folder: made_geotiff.make(folder, value=value),
        component,
        SINKS,
        series=False,
        declared=Declaration(unit=unit, positive=positive),
        **more,
    )


SOURCES = [
    Source("egms", egms("EGMS_L2b_117_0227_IW2_VV_2020_2024_1.csv"), Component.LOS, SINKS),
    Source("egms", egms("EGMS_L3_E46N17_100km_U_2020_2024_1.csv"), Component.UP, SINKS),
    Source("egms", egms("EGMS_L3_E46N17_100km_E_2020_2024_1.csv"), Component.EAST, SINKS),
    Source("egms", egms_grid, Component.UP, SINKS, series=False),
    Source("licsbas", licsbas, Component.LOS, SINKS),
    Source("licsar", lambda folder: made_licsar.make(folder, SINKS), Component.LOS, SINKS),
    Source("pyrate", lambda folder: made_pyrate.make(folder, SINKS), Component.LOS, SINKS),
    Source("hyp3", hyp3("unw_phase"), Component.LOS, SINKS),
    Source("hyp3", hyp3("los_disp"), Component.LOS, SINKS),
    Source("hyp3", hyp3("vert_disp"), Component.UP, SINKS),
    Source(
        "its-live",
        lambda folder: made_its_live.make(folder, vx=100),
        Component.EAST,
        FLOWS,
        Technique.TRACKING,
        series=False,
    ),
    Source(
        "vx-vy",
        lambda folder: made_geotiff.make_vx_vy(folder / "pair", vx=FLOWS / 365_250),
        Component.EAST,
        FLOWS,
        Technique.TRACKING,
        Declaration(unit="m/day"),
        series=False,
    ),
    Source("insar-norway", made_insar_norway.make, Component.LOS, SINKS),
    Source("mintpy", made_mintpy.make, Component.LOS, SINKS),
    Source("mintpy", made_mintpy.make_velocity, Component.LOS, SINKS, series=False),
    Source("hdfeos5", made_mintpy.make_he5, Component.LOS, SINKS),
    Source("opera-disp", made_opera_disp.make_frame, Component.LOS, SINKS),
    Source("generic", made_generic.make, Component.LOS, SINKS, declared=Declaration(unit="mm/yr", positive="toward")),
    geotiff("mm/yr", "toward", -20),
    geotiff("cm/yr", "away", 2),
    geotiff("m/yr", "down", 0.02, Component.UP),
    geotiff("m/day", "west", 20 / 365_250, Component.EAST, technique=Technique.TRACKING),
]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: f"{source.format}-{source.component}")
def test_known_motion_comes_out_in_our_unit_and_sign(tmp_path, source):
    path = source.make(tmp_path)
    assert recognise(path) == source.format
    found = next(found for found in all_points(path, source.declared) if found.header.component is source.component)
    velocity, header = found.columns.velocity_mm_yr, found.header
    moves = np.abs(velocity) > 1
    assert moves.sum() >= 10
    assert velocity[moves] == pytest.approx(source.mm_yr, abs=0.02 if source.mm_yr == SINKS else 50)
    assert (header.technique, header.has_series) == (source.technique, source.series)
    if source.series:
        years = np.array([(day - header.dates[0]).days / 365.25 for day in header.dates])
        series = found.columns.displacement_mm[moves][0]
        assert np.polyfit(years, series, 1)[0] == pytest.approx(source.mm_yr, abs=0.2)


def test_every_format_of_velocities_has_a_row():
    assert {*VELOCITY_READERS} <= {source.format for source in SOURCES}
