"""How big: points, disk, hours, machines and cost for a region, a nation and a continent, from the measured figures.

Nothing is measured here: the figures are read from docs/figures, so that the plan changes when they do.
"""

import json
from dataclasses import dataclass
from math import ceil
from typing import Any

from lab.figures import FOLDER
from lab.speed.measure import report

CORES = 2  # of the machine on which everything was measured
FRAME_MPX, FRAME_KM2 = 412.5, 250 * 165  # Sentinel-1 IW GRD: 25,000 x 16,500 pixels
OVERLAP, DIRECTIONS = 1.5, 2  # frames lie over each other; ascending and descending
REPEAT_DAYS = 6
BUSY = 0.5  # share of the time that a machine computes: the rest is for reruns, upgrades and what comes late
RASTER_BYTES_PER_PX, KEPT_REPEATS = 8, 13  # images and results of a pair, compressed; the change needs 12 predecessors
# What a provider may ask, EUR a month: assumptions to be replaced by an offer
CORE_EUR, DISK_TB_EUR, OBJECTS_TB_EUR = 20.0, 100.0, 20.0


@dataclass(frozen=True)
class Size:
    """name: of the column; points: of the current release; area_km2: land that is watched."""

    name: str
    points: float
    area_km2: float

    @property
    def frames(self) -> int:
        """Images of one repeat."""
        return ceil(self.area_km2 / FRAME_KM2 * OVERLAP) * DIRECTIONS


# Norway: 2e9 points (InSAR Norway), mainland 324,000 km2 (Statistics Norway); Europe: 1e10 points, land of the states
# that the European Ground Motion Service covers, rounded
SIZES = (Size("a region", 1e7, 20_000), Size("Norway", 2e9, 324_000), Size("Europe", 1e10, 5_000_000))


@dataclass(frozen=True)
class Measured:
    """Of one machine of two cores."""

    disk_bytes_per_point: float
    loading_points_s: float
    deformation_km2_s: float
    coherence_mpx_s: float
    offsets_mpx_s: float


def run() -> dict[str, Any]:
    return report("plan", rows(measured())) | {"note": "computed from the figures of the other benchmarks"}


def measured() -> Measured:
    """What docs/figures say. KeyError where a benchmark has no such line."""
    cells, seconds = 24e6, _value("deformation", "24 million cells, ten million points, to raster and areas")
    return Measured(
        disk_bytes_per_point=_value("ingest", "disk per point of 300 dates"),
        loading_points_s=_value("ingest", "EGMS CSV of 100,000 points to a published product"),
        deformation_km2_s=cells / 100 / seconds,  # cells of 100 m
        coherence_mpx_s=_value("coherence", "coherence: network"),
        offsets_mpx_s=_value("offsets", "offsets: network, posting 8 px"),
    )


def _value(name: str, what: str) -> float:
    results = json.loads((FOLDER / f"bench-{name}.json").read_text())["results"]
    return float({line["what"]: line["value"] for line in results}[what])


def rows(speed: Measured) -> list[dict[str, Any]]:
    return [
        {"what": f"{size.name}: {what}", "value": value, "unit": unit, "control": None, "ratio": None}
        | dict.fromkeys(("low", "high", "n"))
        for size in SIZES
        for what, value, unit in needs(size, speed)
    ]


def needs(size: Size, speed: Measured) -> list[tuple[str, float, str]]:
    """What, value, unit."""
    points_tb = size.points * speed.disk_bytes_per_point / 1e12
    rasters_tb = size.frames * KEPT_REPEATS * FRAME_MPX * 1e6 * RASTER_BYTES_PER_PX / 1e12
    frame_hours = FRAME_MPX * (1 / speed.coherence_mpx_s + 1 / speed.offsets_mpx_s) / 3600
    repeat_hours = size.frames * frame_hours
    loading_hours = size.points / speed.loading_points_s / 3600
    workers = ceil(repeat_hours / (REPEAT_DAYS * 24 * BUSY))
    database_cores = max(2, 2 * ceil(points_tb))
    cores = workers * CORES + 2 * database_cores + 4  # the database has a replica; web, broker and proxy share four
    cost = cores * CORE_EUR + 2 * points_tb * DISK_TB_EUR + rasters_tb * OBJECTS_TB_EUR
    return [
        ("points", size.points / 1e6, "millions"),
        ("points on disk, 300 dates", points_tb, "TB"),
        ("loading a release, one machine", loading_hours, "hours"),
        ("deformation of one track, one machine", size.area_km2 / speed.deformation_km2_s / 60, "minutes"),
        ("frames of one repeat", size.frames, "images"),
        ("coherence and offsets of a repeat, one machine", repeat_hours, "hours"),
        ("images and results kept", rasters_tb, "TB"),
        ("workers of two cores", workers, "machines"),
        ("cores in all", cores, "cores"),
        ("cost", cost, "EUR a month"),
    ]
