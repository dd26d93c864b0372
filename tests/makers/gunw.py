"""Makes geocoded unwrapped interferograms of ARIA and of NISAR: made ground, and lines of sight on a coarse grid."""

from datetime import date
from pathlib import Path

import h5py
import numpy as np

from ground_motion.readers.records import Component
from tests.makers import interferograms as ground
from tests.makers.sources import SINKS, Source

STEP = 1 / 1200  # degrees
WEST, NORTH = -121.0, 36.0
ARIA_WAVELENGTH_M, NISAR_HZ = 0.0556, 1_257_500_000.0
HEIGHTS = np.array([-1500.0, 0.0, 9000.0])


def levels(value: float, shape: tuple[int, int]) -> np.ndarray:
    """A value at the height of the ellipsoid, others above and below, (heights, y, x)."""
    return np.stack([np.full(shape, each, dtype=np.float32) for each in (value + 0.3, value, value - 0.3)])


def aria(
    folder: Path,
    first: date = ground.DATES[1],
    second: date = ground.DATES[0],
    velocity_mm_yr: float = -20.0,
    constant: float = 0.0,
    name: str = "",
    way: str = "A",
    track: int = 64,
    leave_out: tuple[str, ...] = (),
    **content,
) -> Path:
    """A pair whose reference, the first date, is the later one. The satellite stands in the west: ascending."""
    phase = ground.phase(first, second, velocity_mm_yr, ARIA_WAVELENGTH_M, constant)
    components = np.ones(phase.shape, dtype=np.int16)
    components[0], components[1, 0] = -1, 0
    shape = (3, 4)
    data, view = "science/grids/data", "science/grids/imagingGeometry"
    made = {
        f"{data}/unwrappedPhase": phase,
        f"{data}/coherence": ground.coherence().astype(np.float32),
        f"{data}/connectedComponents": components,
        f"{data}/longitude": WEST + STEP * (np.arange(ground.COLS) + 0.5),
        f"{data}/latitude": NORTH - STEP * (np.arange(ground.ROWS) + 0.5),
        f"{view}/heightsMeta": HEIGHTS,
        f"{view}/latitudeMeta": NORTH + 0.1 - 0.1 * np.arange(3),
        f"{view}/longitudeMeta": WEST - 0.1 + 0.1 * np.arange(4),
        f"{view}/incidenceAngle": levels(38.0, shape),
        f"{view}/azimuthAngle": levels(-168.0, shape),
        "science/radarMetaData/wavelength": ARIA_WAVELENGTH_M,
    } | content
    folder.mkdir(exist_ok=True)
    days = f"{first:%Y%m%d}_{second:%Y%m%d}"
    path = folder / (name or f"S1-GUNW-{way}-R-{track:03d}-tops-{days}-015949-00122W_00034N-PP-6267-v3_0_1.nc")
    with h5py.File(path, "w") as file:
        for key, value in made.items():
            if not any(part in key for part in leave_out):
                file[key] = value
        if f"{data}/unwrappedPhase" in file:
            file[f"{data}/unwrappedPhase"].attrs.update({"_FillValue": np.float32(0), "units": "rad"})
    return path


def nisar(
    folder: Path,
    first: date = ground.DATES[0],
    second: date = ground.DATES[1],
    velocity_mm_yr: float = -20.0,
    constant: float = 0.0,
    polarisation: str = "HH",
    direction: str = "Ascending",
    leave_out: tuple[str, ...] = (),
    **content,
) -> Path:
    """A pair whose reference, the first date, is the earlier one; left-looking, so ascending it stands in the east."""
    phase = ground.phase(first, second, velocity_mm_yr, 299_792_458.0 / NISAR_HZ, constant)
    phase[0] = np.nan
    components = np.ones(phase.shape, dtype=np.uint8)
    components[0], components[1, 0] = 255, 0
    data = f"science/LSAR/GUNW/grids/frequencyA/unwrappedInterferogram/{polarisation}"
    view, facts = "science/LSAR/GUNW/metadata/radarGrid", "science/LSAR/identification"
    made = {
        f"{data}/unwrappedPhase": phase,
        f"{data}/coherenceMagnitude": ground.coherence().astype(np.float32),
        f"{data}/connectedComponents": components,
        f"{data}/xCoordinates": 500_000 + 80.0 * (np.arange(ground.COLS) + 0.5),
        f"{data}/yCoordinates": 4_000_000 - 80.0 * (np.arange(ground.ROWS) + 0.5),
        f"{data}/projection": np.uint32(32610),
        "science/LSAR/GUNW/grids/frequencyA/centerFrequency": NISAR_HZ,
        f"{view}/heightAboveEllipsoid": HEIGHTS,
        f"{view}/yCoordinates": 4_001_000 - 1000.0 * np.arange(4),
        f"{view}/xCoordinates": 499_000 + 1000.0 * np.arange(5),
        f"{view}/losUnitVectorX": levels(0.6, (4, 5)),
        f"{view}/losUnitVectorY": levels(-0.1, (4, 5)),
        f"{facts}/referenceZeroDopplerStartTime": f"{first}T06:09:10.000000000",
        f"{facts}/secondaryZeroDopplerStartTime": f"{second}T06:09:10.000000000",
        f"{facts}/trackNumber": np.uint32(30),
        f"{facts}/orbitPassDirection": direction,
        f"{facts}/lookDirection": "Left",
    } | content
    folder.mkdir(exist_ok=True)
    days = f"{first:%Y%m%d}T060910_{first:%Y%m%d}T060926_{second:%Y%m%d}T060910_{second:%Y%m%d}T060926"
    path = folder / f"NISAR_L2_PR_GUNW_005_030_A_019_007_4000_SH_{days}_X05007_N_F_J_001.h5"
    with h5py.File(path, "w") as file:
        for key, value in made.items():
            if not any(part in key for part in leave_out):
                file[key] = value
        if f"{data}/connectedComponents" in file:
            file[f"{data}/connectedComponents"].attrs["_FillValue"] = np.uint8(255)
    return path


def aria_folder(folder: Path, velocity_mm_yr: float = SINKS, **options) -> Path:
    """A network of three pairs, each with its own constant."""
    for (earlier, later), constant in zip(ground.PAIRS, ground.CONSTANTS, strict=True):
        aria(folder / "aria", later, earlier, velocity_mm_yr, constant, **options)
    return folder / "aria"


def nisar_folder(folder: Path, velocity_mm_yr: float = SINKS, **options) -> Path:
    """A network of three pairs, each with its own constant."""
    for (earlier, later), constant in zip(ground.PAIRS, ground.CONSTANTS, strict=True):
        nisar(folder / "nisar", earlier, later, velocity_mm_yr, constant, **options)
    return folder / "nisar"


SOURCES = [Source("gunw", make, Component.LOS, SINKS) for make in (aria_folder, nisar_folder)]
