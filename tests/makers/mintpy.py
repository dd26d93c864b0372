"""Made MintPy files: 4 x 5 pixels that move by velocity x time, as `timeseries.h5`, `velocity.h5`, a folder, a .he5."""

from pathlib import Path

import h5py
import numpy as np

from ground_motion.readers.records import Component
from tests.makers.sources import SINKS, Source

ROWS, COLS = 4, 5
DAYS = ("20200101", "20200701", "20210101", "20210701", "20220101")
YEARS = np.array([0, 182, 366, 547, 731]) / 365.25
INCIDENCE, AZIMUTH = 39.0, 99.0  # Sentinel-1, ascending, to the right: (-0.62, -0.10, 0.78)
HE5 = "HDFEOS/GRIDS/timeseries"


def placed(x: str, y: str, step: str, unit: str) -> dict[str, str]:
    """Attributes of a grid that begins at x, y and goes on to the south-east."""
    place = {"X_FIRST": x, "Y_FIRST": y, "X_STEP": step, "Y_STEP": f"-{step}"}
    return place | {"X_UNIT": unit, "Y_UNIT": unit}


DEGREES = placed("-99.2", "19.5", "0.001", "degrees")
METRES = placed("480000.0", "2155000.0", "80.0", "meters") | {"EPSG": "32614"}
COMMON = {"ORBIT_DIRECTION": "ASCENDING", "HEADING": "-9.0", "ANTENNA_SIDE": "-1", "WAVELENGTH": "0.05546576"}
COMMON |= {"REF_LAT": "19.4985", "REF_LON": "-99.1985", "LENGTH": str(ROWS), "WIDTH": str(COLS), "trackNumber": "5"}


def attributes(**change: str | None) -> dict[str, str]:
    return {name: value for name, value in (COMMON | DEGREES | change).items() if value is not None}


def write(path: Path, content: dict, attrs: dict[str, str], leave_out: tuple[str, ...] = ()) -> Path:
    with h5py.File(path, "w") as file:
        for name, value in content.items():
            if name not in leave_out:
                file[name] = value
        for name, value in attrs.items():
            file.attrs[name] = value
    return path


def series(velocity_m_yr: float = -0.02, days: tuple[str, ...] = DAYS) -> dict:
    moved = (YEARS[: len(days), None, None] * np.full((ROWS, COLS), velocity_m_yr)).astype(np.float32)
    return {"date": np.array(days, dtype="S8"), "timeseries": moved, "bperp": np.zeros(len(days), dtype=np.float32)}


def make(
    folder: Path,
    name: str = "geo_timeseries_ERA5.h5",
    velocity_m_yr: float = -0.02,
    leave_out: tuple[str, ...] = (),
    content: dict | None = None,
    **change: str | None,
) -> Path:
    """A time series. content: datasets to replace; change: attributes, None to leave one out."""
    attrs = attributes(**({"FILE_TYPE": "timeseries", "UNIT": "m"} | change))
    return write(folder / name, series(velocity_m_yr) | (content or {}), attrs, leave_out)


def make_velocity(
    folder: Path,
    name: str = "geo_velocity.h5",
    velocity_m_yr: float = -0.02,
    leave_out: tuple[str, ...] = (),
    content: dict | None = None,
    **change: str | None,
) -> Path:
    velocity = np.full((ROWS, COLS), velocity_m_yr, dtype=np.float32)
    made = {"velocity": velocity, "velocityStd": np.full_like(velocity, 0.001)} | (content or {})
    more = {"FILE_TYPE": "velocity", "UNIT": "m/year", "START_DATE": DAYS[0], "END_DATE": DAYS[-1]} | change
    return write(folder / name, made, attributes(**more), leave_out)


def geometry() -> dict:
    shape = (ROWS, COLS)
    return {
        "incidenceAngle": np.full(shape, INCIDENCE, dtype=np.float32),
        "azimuthAngle": np.full(shape, AZIMUTH, dtype=np.float32),
        "height": np.full(shape, 2240.0, dtype=np.float32),
    }


def make_geometry(folder: Path, leave_out: tuple[str, ...] = (), **change: str | None) -> Path:
    attrs = attributes(**({"FILE_TYPE": "geometry"} | change))
    return write(folder / "geo_geometryRadar.h5", geometry(), attrs, leave_out)


def make_folder(
    folder: Path, velocity_m_yr: float = -0.02, estimated_m_yr: float = -0.021, **change: str | None
) -> Path:
    """The folder geo: series, velocity, geometry, coherence, and a mask without the first row."""
    geo = folder / "geo"
    geo.mkdir()
    make(geo, velocity_m_yr=velocity_m_yr, **change)
    make_velocity(geo, velocity_m_yr=estimated_m_yr)
    make_geometry(geo)
    coherence = np.full((ROWS, COLS), 0.9, dtype=np.float32)
    write(geo / "geo_temporalCoherence.h5", {"temporalCoherence": coherence}, attributes(FILE_TYPE="temporalCoherence"))
    mask = np.ones((ROWS, COLS), dtype=bool)
    mask[0] = False
    write(geo / "geo_maskTempCoh.h5", {"mask": mask}, attributes(FILE_TYPE="mask"))
    write(geo / "geo_avgSpatialCoh.h5", {"coherence": coherence}, attributes(FILE_TYPE="coherence"))
    return geo


def make_he5(
    folder: Path,
    name: str = "S1_IW12_005_0528_0540_20200101_20220101.he5",
    velocity_m_yr: float = -0.02,
    radar: bool = False,
    content: dict | None = None,
    leave_out: tuple[str, ...] = (),
    units: str = "meters",
    **change: str | None,
) -> Path:
    """The HDF-EOS5 product; radar: in radar coordinates, with the place of each pixel and no X_FIRST."""
    made = series(velocity_m_yr)
    parts = {"observation/displacement": made["timeseries"], "observation/date": made["date"]}
    parts["quality/temporalCoherence"] = np.full((ROWS, COLS), 0.9, dtype=np.float32)
    parts["quality/mask"] = np.ones((ROWS, COLS), dtype=bool)
    parts |= {f"geometry/{layer}": value for layer, value in geometry().items()}
    row, col = np.mgrid[:ROWS, :COLS].astype(np.float32)
    parts |= {"geometry/latitude": 19.4995 - 0.001 * row, "geometry/longitude": -99.1995 + 0.001 * col}
    if radar:
        change = dict.fromkeys(DEGREES) | change
    attrs = attributes(**({"FILE_TYPE": "HDFEOS", "UNIT": "m", "relative_orbit": "5", "mission": "S1"} | change))
    parts = {f"{HE5}/{key}": value for key, value in (parts | (content or {})).items() if key not in leave_out}
    path = write(folder / name, parts, attrs)
    with h5py.File(path, "a") as file:
        if f"{HE5}/observation/displacement" in file:
            file[f"{HE5}/observation/displacement"].attrs["Units"] = units
    return path


SOURCES = [
    Source("mintpy", make, Component.LOS, SINKS),
    Source("mintpy", make_velocity, Component.LOS, SINKS, series=False),
    Source("hdfeos5", make_he5, Component.LOS, SINKS),
]
