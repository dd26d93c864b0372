"""An export of InSAR Norway, as its columns are described: `make` writes one."""

from pathlib import Path

from ingest.readers.records import Component
from tests.makers.generic import DATES, YEARS, csv_text
from tests.makers.sources import SINKS, Source


def table_of(
    n: int = 12, velocity_mm_yr: float = -20.0, track: str = "44", with_series: bool = True
) -> dict[str, list]:
    """n points near Trondheim, seen by an ascending pass, that move by velocity x time."""
    table: dict[str, list] = {
        "Dataset": ["Sentinel-1 Ascending 1"] * n,
        "Point ID": [f"S1A{index:06d}" for index in range(n)],
        "Track": [track] * n,
        "longitude": [round(10.4 + 0.001 * index, 6) for index in range(n)],
        "latitude": [63.43] * n,
        "height": [12.0] * n,
        "mean_velocity": [velocity_mm_yr] * n,
        "temporal_coherence": [0.85] * n,
        "vertical_velocity": [round(velocity_mm_yr / 0.78, 2)] * n,
        "amplitude_dispersion": [0.2] * n,
        "incidence_angle": [38.5] * n,
        "track_angle": [348.0] * n,
        "los_east": [-0.61] * n,
        "los_north": [-0.13] * n,
        "los_up": [0.78] * n,
    }
    series = {day: [round(velocity_mm_yr * year, 2)] * n for day, year in zip(DATES, YEARS, strict=True)}
    return table | (series if with_series else {})


def make(folder: Path, name: str = "export.csv", change=lambda table: None, delimiter: str = ",", **options) -> Path:
    """Write an export; the table may be changed first."""
    table = table_of(**options)
    change(table)
    path = folder / name
    path.write_text(csv_text(table, delimiter), newline="")
    return path


SOURCES = [Source("insar-norway", make, Component.LOS, SINKS)]
