"""Makes map-projected radar images of known power: HyP3 RTC products, Earth Engine exports, plain GeoTIFFs."""

import shutil
from pathlib import Path

import numpy as np
from affine import Affine

from ground_motion.readers.formats.registry import open_scenes
from ground_motion.readers.records import Declaration
from tests.makers.geotiff import write

UTM = Affine(30, 0, 300_000, 0, -30, 4_200_000)
UTM_EPSG = "EPSG:32633"
METRES_PER_DEGREE = 111_319.490793  # by which Earth Engine turns a scale in metres into degrees
GRANULE = "S1A_IW_GRDH_1SDV_20210119T031653_20210119T031718_036201_043ED0_8255"  # track 79
LETTER = {"power": "p", "amplitude": "a", "db": "d"}


def speckle(shape=(40, 48), mean=0.1, looks=4, seed=1):
    return np.random.default_rng(seed).gamma(looks, mean / looks, size=shape).astype(np.float32)


def scaled(power, scale):
    """Power as a file of that scale holds it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return {"power": power, "amplitude": np.sqrt(power), "db": 10 * np.log10(power)}[scale].astype(np.float32)


def degrees_grid(west=15.0, north=60.0, pixel_m=10.0) -> Affine:
    """As Earth Engine exports in EPSG:4326 with a scale in metres."""
    return Affine(pixel_m / METRES_PER_DEGREE, 0, west, 0, -pixel_m / METRES_PER_DEGREE, north)


def product(scale="power", radiometry="g", posting=30) -> str:
    return f"S1A_IW_20210119T031653_DVP_RTC{posting}_G_{radiometry}{LETTER[scale]}uned_AB12"


def hyp3(
    folder, power=None, scale="power", pols=("VV",), kind="folder", readme=True, radiometry="g", **options
) -> Path:
    """A product: its folder, its zip, or its first image alone. power: of every polarisation."""
    power = speckle() if power is None else power
    name = product(scale, radiometry)
    root = folder / name
    for pol in pols:
        wanted = {"crs": UTM_EPSG, "transform": UTM, "nodata": 0} | options
        write(root / f"{name}_{pol}.tif", scaled(power, scale), **wanted)
    write(root / f"{name}_ls_map.tif", np.ones(power.shape, np.uint8), crs=UTM_EPSG, transform=UTM)
    if readme:
        readme = f"The source granule used to generate the products contained in this folder is:\n{GRANULE}\n"
        (root / f"{name}.README.md.txt").write_text(readme)
    if kind == "zip":
        return Path(shutil.make_archive(str(root), "zip", folder, name))
    return root if kind == "folder" else root / f"{name}_{pols[0]}.tif"


def earth_engine(folder, power=None, scale="db", pols=("VV",), angle=True, name=f"{GRANULE}.tif", **options) -> Path:
    """An export of one image, in degrees by default."""
    power = speckle() if power is None else power
    bands = [scaled(power, scale) for _ in pols] + [np.full(power.shape, 38.5, np.float32)] * angle
    wanted = {"transform": degrees_grid(), "nodata": np.nan, "interleave": "pixel"} | options
    return described(write(folder / name, np.stack(bands), **wanted), [*pols, *["angle"] * angle])


def described(path, names) -> Path:
    import rasterio

    with rasterio.open(path, "r+") as raster:
        raster.descriptions = tuple(names)
    return path


def plain(folder, power=None, scale="power", name="image_20210119T031653_VV.tif", **options) -> Path:
    power = speckle() if power is None else power
    return write(
        folder / name, scaled(power, scale), **({"crs": UTM_EPSG, "transform": UTM, "nodata": np.nan} | options)
    )


def declared(scale="power", **more) -> Declaration:
    return Declaration(**({"scale": scale, "track": 95} | more))


def read(path, declaration: Declaration | None = None):
    """The one image of a file, header and power."""
    (scene,) = open_scenes(path, declared=declaration)
    return scene.header, scene.power()


def outcome(path, declaration: Declaration | None = None) -> str:
    """'' for images of sane power, otherwise the line that it was refused with; anything else fails the test."""
    from ground_motion.core.errors import InputError

    try:
        for scene in open_scenes(path, declared=declaration):
            for block in scene.blocks():
                known = block.power[np.isfinite(block.power)]
                assert block.power.dtype == np.float32
                assert block.power.size <= 16 * 2**20
                assert not np.isinf(block.power).any()
                assert (known >= 0).all()
                assert (known <= 1.001e5).all()
                assert block.row + block.power.shape[0] <= scene.header.rows
                assert block.col + block.power.shape[1] <= scene.header.cols
    except InputError as fault:
        refused = str(fault)
    else:
        return ""
    assert "\n" not in refused
    assert len(refused) < 1000
    return refused
