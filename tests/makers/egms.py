"""Makes files of EGMS: tables of levels 2 and 3, and a grid."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from affine import Affine

from ground_motion.core.projections import transformer
from ground_motion.readers.records import Component
from tests.makers import geotiff
from tests.makers.generic import csv_text
from tests.makers.sources import SINKS, Source

DATES = ["20200103", "20200715", "20210103", "20210715", "20220103"]
LOS_ASCENDING = (-0.62, -0.10, 0.78)


def egms_table(
    n: int = 12, velocity_mm_yr: float = 5.0, level: str = "L2b", old_names: bool = False, los: tuple = LOS_ASCENDING
) -> dict[str, list]:
    """Columns of an EGMS table: n points 50 m apart near Ustica whose displacement is velocity x time."""
    easting = 4_600_000.0 + 50.0 * np.arange(n)
    northing = np.full(n, 1_740_000.0)
    longitude, latitude = transformer(3035, 4326).transform(easting, northing)
    years = [(int(d[:4]) - 2020) + (int(d[4:6]) - 1) / 12 for d in DATES]
    table: dict[str, list] = {"pid": [f"pt{index:08d}" for index in range(n)]}
    if level != "L3":
        table |= {
            "mp_type": [0] * n,
            "latitude": list(np.round(latitude, 6)),
            "longitude": list(np.round(longitude, 6)),
        }
    table |= {"easting": list(easting), "northing": list(northing)}
    if old_names:
        table |= {"height": [12.5] * n, "height_wgs84": [56.0] * n, "rmse": [1.5] * n}
    else:
        table |= {"height_ortho": [12.5] * n, "height_ellipse": [56.0] * n, "rmse_ts": [1.5] * n}
    if level != "L3":
        table |= {"temporal_coherence": [0.9] * n, "incidence_angle": [38.0] * n, "track_angle": [349.0] * n}
        table |= {name: [value] * n for name, value in zip(("los_east", "los_north", "los_up"), los, strict=True)}
    table |= {"mean_velocity": [velocity_mm_yr] * n, "mean_velocity_std": [0.1] * n}
    return table | {day: [round(velocity_mm_yr * year, 1)] * n for day, year in zip(DATES, years, strict=True)}


def table(name: str) -> Callable[[Path], Path]:
    """mm/yr and mm, plus is toward, up or east."""

    def make(folder: Path) -> Path:
        path = folder / name
        path.write_text(csv_text(egms_table(velocity_mm_yr=SINKS, level="L3" if "_L3_" in name else "L2b")))
        return path

    return make


def zipped(folder: Path) -> Path:
    """A table of level 2b in a zip."""
    path = folder / "EGMS_L2b_117_0227_IW2_VV_2020_2024_1.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{path.stem}.csv", csv_text(egms_table(n=60)))
    return path


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
