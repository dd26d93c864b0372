"""Makes HyP3 InSAR products: a folder of them, of the folders that they unpack to, or a zip."""

import zipfile
from functools import partial
from pathlib import Path

import numpy as np
from affine import Affine

from ground_motion.readers.records import Component
from tests.makers import interferograms as ground
from tests.makers.geotiff import write
from tests.makers.sources import SINKS, Source

WAVELENGTH_M = 299_792_458 / 5.405e9
UTM = Affine(80, 0, 480_000, 0, -80, 2_156_000)
THETA, PHI = np.arcsin(0.79), np.radians(170.0)  # up 0.79; the satellite stands in the west: ascending


def product(first, second) -> str:
    return f"S1AB_{first:%Y%m%d}T004021_{second:%Y%m%d}T004022_VVP006_INT80_G_ueF_B4A1"


def burst(first, second) -> str:
    return f"S1_136231_IW2_{first:%Y%m%d}_{second:%Y%m%d}_VV_INT80_77F1"


def several_bursts(first, second) -> str:
    return f"S1_064_000000s1n00-136231s2n02-000000s3n00_IW_{first:%Y%m%d}_{second:%Y%m%d}_VV_INT80_77F1"


def make(
    folder: Path,
    velocity_mm_yr: float = -20.0,
    pairs=ground.PAIRS[:1],
    layers=("los_disp", "unw_phase", "corr", "lv"),
    kind: str = "folder",
    shift: int = 0,
    constants=ground.CONSTANTS,
    transform: Affine = UTM,
    called=product,
    **profile,
) -> Path:
    """kind: folder, folders or zip. shift: by how many columns each product begins further west than the one before.

    called: function that names a product by its two dates.
    """
    root = folder / "hyp3"
    for number, (first, second) in enumerate(pairs):
        name = called(first, second)
        constant = constants[number % len(constants)] if len(pairs) > 1 else 0.0
        toward = ground.toward_m(first, second, velocity_mm_yr) - constant * WAVELENGTH_M / 4 / np.pi
        toward[0] = 0
        angles = {"lv_theta": THETA, "lv_phi": PHI}
        images = {
            "los_disp": toward,
            "unw_phase": ground.phase(first, second, velocity_mm_yr, WAVELENGTH_M, constant),
            "vert_disp": toward,
            "corr": ground.coherence().astype(np.float32),
        } | {key: np.full((ground.ROWS, ground.COLS), value, dtype=np.float32) for key, value in angles.items()}
        wanted = [key for key in images if key in layers or key[:2] in layers]
        here = root / name if kind == "folders" else root
        where = transform @ Affine.translation(-shift * number, 0)
        for key in wanted:
            image = np.pad(images[key], ((0, 0), (shift * number, 0)), mode="edge")
            nodata = None if key.startswith("lv") else 0
            write(here / f"{name}_{key}.tif", image, crs="EPSG:32614", transform=where, nodata=nodata, **profile)
    return zipped(root) if kind == "zip" else root


def zipped(root: Path) -> Path:
    """The images of a folder in a zip under a folder of its own, as they are downloaded."""
    path = root.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(root.iterdir()):
            archive.write(file, f"{root.name}/{file.name}")
    return path


SOURCES = [
    Source("hyp3", partial(make, layers=(layer,)), component, SINKS)
    for layer, component in (("unw_phase", Component.LOS), ("los_disp", Component.LOS), ("vert_disp", Component.UP))
] + [
    Source("hyp3", partial(make, layers=("unw_phase", "corr", "lv"), called=called), Component.LOS, SINKS)
    for called in (burst, several_bursts)
]
