"""Made OPERA DISP-S1 files of 6 x 5 pixels in UTM zone 11: ground that moves by velocity x time, in ministacks."""

from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
from pyproj import CRS

from ground_motion.readers.records import Component
from tests.makers.sources import SINKS, Source

ROWS, COLS, POSTING = 6, 5, 30.0
WEST, NORTH = 400_000.0, 3_800_000.0
FRAME = "11116"
# (reference, secondary): two ministacks, the second builds on 2016-08-22
PAIRS = (
    ("20160705", "20160729"),
    ("20160705", "20160810"),
    ("20160705", "20160822"),
    ("20160822", "20160915"),
    ("20160822", "20161009"),
    ("20160822", "20161102"),
)
MADE = "20241219T231545"
IONOSPHERE_M, TIDE_M = 0.004, -0.003


def moment(day: str) -> datetime:
    return datetime.strptime(f"{day}T140755", "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def file_name(reference: str, secondary: str, version: str = "1.0", made: str = MADE, frame: str = FRAME) -> str:
    return f"OPERA_L3_DISP-S1_IW_F{frame}_VV_{reference}T140755Z_{secondary}T140756Z_v{version}_{made}Z.nc"


def make(
    folder: Path,
    pair: tuple[str, str] = PAIRS[0],
    velocity_m_yr: float = -0.02,
    name: str | None = None,
    leave_out: tuple[str, ...] = (),
    content: dict | None = None,
    epsg: int = 32611,
    wkt: str | None = None,
    units: str = "meters",
    **named,
) -> Path:
    """One file: the motion from its reference to its second date, with an ionosphere and a tide on top."""
    reference, secondary = moment(pair[0]), moment(pair[1])
    years = (secondary - reference).days / 365.25
    shape = (ROWS, COLS)
    moved = velocity_m_yr * years + IONOSPHERE_M + TIDE_M
    values = {"displacement": moved, "short_wavelength_displacement": 0.5, "temporal_coherence": 0.8}
    values |= {"corrections/ionospheric_delay": IONOSPHERE_M, "corrections/solid_earth_tide": TIDE_M}
    made: dict = {name: np.full(shape, value, dtype=np.float32) for name, value in values.items()}
    made |= {name: np.ones(shape, dtype=np.uint8) for name in ("recommended_mask", "water_mask")}
    made |= {"connected_component_labels": np.ones(shape, dtype=np.uint16), "spatial_ref": 0}
    made |= {"x": WEST + POSTING * (np.arange(COLS) + 0.5), "y": NORTH - POSTING * (np.arange(ROWS) + 0.5)}
    made |= {"reference_time": np.zeros(1), "time": np.zeros(1)}
    identified = {
        "frame_id": int(named.get("frame", FRAME)),
        "reference_datetime": np.bytes_(f"{reference:%Y-%m-%d %H:%M:%S.%f}"),
        "secondary_datetime": np.bytes_(f"{secondary:%Y-%m-%d %H:%M:%S.%f}"),
        "track_number": 42,
        "orbit_pass_direction": np.bytes_("Ascending"),
    }
    made |= {f"identification/{name}": value for name, value in identified.items()} | (content or {})
    path = folder / (name or file_name(*pair, **named))
    with h5py.File(path, "w") as file:
        for key, value in made.items():
            if not any(key == out or key.startswith(f"{out}/") for out in leave_out):
                file[key] = value
        for key, start in (("reference_time", reference), ("time", secondary)):
            if key in file:
                file[key].attrs["units"] = f"seconds since {start:%Y-%m-%d %H:%M:%S.%f}"
        for key in ("displacement", "corrections/ionospheric_delay", "corrections/solid_earth_tide"):
            if key in file:
                file[key].attrs["units"] = units
        if "spatial_ref" in file:
            file["spatial_ref"].attrs["crs_wkt"] = CRS.from_epsg(epsg).to_wkt() if wkt is None else wkt
    return path


def make_frame(folder: Path, pairs=PAIRS, velocity_m_yr: float = -0.02, **options) -> Path:
    """A folder of the files of a frame."""
    frame = folder / "frame"
    frame.mkdir(exist_ok=True)
    for pair in pairs:
        make(frame, pair, velocity_m_yr, **options)
    return frame


SOURCES = [Source("opera-disp", make_frame, Component.LOS, SINKS)]
