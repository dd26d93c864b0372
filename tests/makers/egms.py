"""Makes files of EGMS: tables of levels 2 and 3, and a grid."""

from collections.abc import Callable
from pathlib import Path

from affine import Affine

from ingest.readers.records import Component
from tests.conftest import csv_text, egms_table
from tests.makers import geotiff
from tests.makers.sources import SINKS, Source


def table(name: str) -> Callable[[Path], Path]:
    """mm/yr and mm, plus is toward, up or east."""

    def make(folder: Path) -> Path:
        path = folder / name
        path.write_text(csv_text(egms_table(velocity_mm_yr=SINKS, level="L3" if "_L3_" in name else "L2b")))
        return path

    return make


def grid(folder: Path) -> Path:
    """mm/yr, plus is up."""
    transform = Affine(100, 0, 4_600_000, 0, -100, 1_740_000)
    name = "EGMS_L3_E46N17_100km_U_2020_2024_1.tiff"
    return geotiff.make(folder, value=SINKS, name=name, crs="EPSG:3035", transform=transform)


SOURCES = [
    Source("egms", table("EGMS_L2b_117_0227_IW2_VV_2020_2024_1.csv"), Component.LOS, SINKS),
    Source("egms", table("EGMS_L3_E46N17_100km_U_2020_2024_1.csv"), Component.UP, SINKS),
    Source("egms", table("EGMS_L3_E46N17_100km_E_2020_2024_1.csv"), Component.EAST, SINKS),
    Source("egms", grid, Component.UP, SINKS, series=False),
]
