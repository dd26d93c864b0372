"""An export of InSAR Norway, as its columns are described: `make` writes one."""

from pathlib import Path

from ground_motion.readers.records import Component
from tests.makers.generic import DATES, YEARS, csv_text
from tests.makers.sources import SINKS, Source


def table_of(
    n: int = 12, velocity_mm_yr: float = -20.0, track: str = "44", with_series: bool = True
) -> dict[str, list]:
    """n points near Trondheim, seen by an ascending pass, that move by velocity x time."""
    first = {"Dataset": "Sentinel-1 Ascending 1", "Point ID": "", "Track": track, "longitude": 0.0, "latitude": 63.43}
    rates = {"height": 12.0, "mean_velocity": velocity_mm_yr, "temporal_coherence": 0.85}
    rates |= {"vertical_velocity": round(velocity_mm_yr / 0.78, 2), "amplitude_dispersion": 0.2}
    geometry = {"incidence_angle": 38.5, "track_angle": 348.0, "los_east": -0.61, "los_north": -0.13, "los_up": 0.78}
    series = {day: round(velocity_mm_yr * year, 2) for day, year in zip(DATES, YEARS, strict=True)}
    columns = first | rates | geometry | (series if with_series else {})
    table = {name: [value] * n for name, value in columns.items()}
    table["Point ID"] = [f"S1A{index:06d}" for index in range(n)]
    return table | {"longitude": [round(10.4 + 0.001 * index, 6) for index in range(n)]}


def make(folder: Path, name: str = "export.csv", change=lambda table: None, delimiter: str = ",", **options) -> Path:
    """Write an export; the table may be changed first."""
    table = table_of(**options)
    change(table)
    path = folder / name
    path.write_text(csv_text(table, delimiter), newline="")
    return path


SOURCES = [Source("insar-norway", make, Component.LOS, SINKS)]
