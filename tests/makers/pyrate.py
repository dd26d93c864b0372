"""Makes a folder of GAMMA interferograms as PyRate converts them."""

from pathlib import Path

from ground_motion.readers.records import Component
from tests.makers import interferograms as ground
from tests.makers.geotiff import write
from tests.makers.sources import SINKS, Source

WAVELENGTH_M = 0.0555


def make(
    folder: Path,
    velocity_mm_yr: float = -20.0,
    processor: str = "GAMMA",
    pairs=ground.PAIRS,
    name: str = "interferograms",
    tags: dict[str, str] | None = None,
    change=lambda values, number: values,
    **profile,
) -> Path:
    """A few pairs with coherence. tags replace; those of value '' are left out."""
    known = {"DATA_UNITS": "RADIANS", "WAVELENGTH_METRES": str(WAVELENGTH_M), "INSAR_PROCESSOR": processor}
    for first, second, values in ground.stack(velocity_mm_yr, WAVELENGTH_M, pairs, change):
        written = {"FIRST_DATE": first.isoformat(), "SECOND_DATE": second.isoformat()} | known | (tags or {})
        written = {key: value for key, value in written.items() if value}
        stem = f"{first:%Y%m%d}-{second:%Y%m%d}_VV_8rlks"
        write(folder / name / f"{stem}_eqa_unw.tif", values, nodata=0, tags=written, **profile)
        coherence = ground.coherence().astype("float32")
        write(folder / name / f"{stem}_flat_eqa_cc.tif", coherence, nodata=0, tags=written, **profile)
    return folder / name


SOURCES = [Source("pyrate", make, Component.LOS, SINKS)]
