"""Makes an ITS_LIVE image pair."""

from functools import partial
from pathlib import Path

import h5py
import numpy as np

from ground_motion.readers.records import Component, Technique
from tests.makers.sources import FLOWS, Source

NAME = "LC08_L1TP_062018_20180304_20200901_02_T1_X_LC08_L1TP_062018_20180405_20200901_02_T1_G0120V02_P099.nc"
CORNERS = {
    3413: (-2_000_000.0, 360.0),  # 135 degrees west: true north is along map x, true east along minus y
    32607: (500_000.0, 6_754_000.0),  # the central meridian of the zone: x is east, y is north
    3031: (2_000_000.0, 360.0),  # Antarctica, 90 degrees east: true north is along map x, true east along minus y
}
INFO = {
    "acquisition_date_img1": "20180304T20:33:12.5",
    "acquisition_date_img2": "20180405T20:33:10.",
    "date_dt": 32.0,
    "mission_img1": "L",
    "satellite_img1": "8",
}


def make(
    folder: Path,
    vx: float = 100,
    vy: float = 0,
    epsg: int = 32607,
    corner: tuple[float, float] | None = None,
    name: str = NAME,
    leave_out: tuple[str, ...] = (),
    info: dict | None = None,
    mapping: dict | None = None,
    error: float | None = 12.0,
    units: str = "meter/year",
    replace: dict | None = None,
    called: str = "mapping",
) -> Path:
    """6 x 5 pixels of 120 m with one velocity, m/yr along map x and y; the first pixel has none."""
    x0, y0 = corner or CORNERS[epsg]
    rows, cols = 6, 5
    values = {"vx": vx, "vy": vy, "v": round(np.hypot(vx, vy)), "v_error": 15}
    speeds = {key: np.full((rows, cols), value, dtype=np.int16) for key, value in values.items()}
    for speed in speeds.values():
        speed[0, 0] = -32767
    content = (
        speeds
        | {
            "x": x0 + 120 * (np.arange(cols) + 0.5),
            "y": y0 - 120 * (np.arange(rows) + 0.5),
            called: "",
            "img_pair_info": "",
        }
        | (replace or {})
    )
    path = folder / name
    with h5py.File(path, "w") as file:
        for key, value in content.items():
            if key not in leave_out:
                file[key] = value
        for key in {"vx", "vy", "v", "v_error"} & set(file):
            file[key].attrs.update({"units": units, "_FillValue": np.int16(-32767), "grid_mapping": called})
            if error is not None and key in {"vx", "vy"}:
                file[key].attrs["error"] = error
        mapped = {"spatial_epsg": np.array([epsg]), "GeoTransform": f"{x0} 120.0 0 {y0} 0 -120.0"} | (mapping or {})
        if called in file:
            file[called].attrs.update({key: value for key, value in mapped.items() if value is not None})
        if "img_pair_info" in file:
            stated = INFO | (info or {})
            file["img_pair_info"].attrs.update({key: value for key, value in stated.items() if value is not None})
    return path


def make_mosaic(folder: Path, name: str, vx: float = 100, vy: float = 0, static: bool = False, **options) -> Path:
    """A mosaic of the same pixels: of a year, or of all years, whose velocities are called vx0 and vy0."""
    path = make(folder, vx, vy, name=name, leave_out=("img_pair_info", "v_error"), error=None, **options)
    with h5py.File(path, "a") as file:
        file["count"] = np.full((6, 5), 12, dtype=np.uint32)
        file["landice"] = np.ones((6, 5), dtype=np.uint8)
        for axis in ("vx", "vy"):
            file[f"{axis}_error"] = np.full((6, 5), 3, dtype=np.uint16)
        if static:
            file["dv_dt"] = np.zeros((6, 5), dtype=np.int16)
            for axis in ("v", "vx", "vy"):
                file.move(axis, f"{axis}0")
                if axis != "v":
                    file.move(f"{axis}_error", f"{axis}0_error")
    return path


SOURCES = [Source("its-live", partial(make, vx=100), Component.EAST, FLOWS, Technique.TRACKING, series=False)]
