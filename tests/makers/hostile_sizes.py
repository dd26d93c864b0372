"""Products of some hundred bytes that declare a country: one for each format of velocities that declares a size."""

from collections.abc import Callable, Iterator
from pathlib import Path

import h5py

from tests.makers import geotiff, hyp3, licsar, licsbas, mintpy
from tests.makers.hostile import L3, Hostile, Trap, sparse_tiff

SIDE = 31_000  # 961 million pixels: fewer than a raster may have


def sizes() -> Iterator[Hostile]:
    for name in ("velocity.tif", L3):
        yield Hostile(f"10^9 points in 400 bytes {name[:5]}", name, sparse_tiff(SIDE, SIDE, block=16_384))
    folders: dict[str, tuple[Callable[[Path], Path], str]] = {
        "licsar": (licsar.make, "*.tif"),
        "hyp3": (hyp3.make, "*.tif"),
        "licsbas maps": (licsbas.make_maps, "*.tif"),
        "vx-vy": (lambda folder: geotiff.make_vx_vy(folder / "pair"), "*.tif"),
    }
    for what, (maker, pattern) in folders.items():
        yield Hostile(f"10^9 pixels in a folder of {what}", _made_name(what), _folder(maker, pattern))
    files: dict[str, tuple[Callable[[Path], Path], str, int]] = {
        "licsbas": (licsbas.make, "cum", 4),
        "mintpy series": (mintpy.make, "timeseries", 4),
        "mintpy velocity": (mintpy.make_velocity, "velocity", 0),
        "hdfeos5": (mintpy.make_he5, f"{mintpy.HE5}/observation/displacement", 4),
    }
    for what, (maker, dataset, layers) in files.items():
        yield Hostile(f"10^9 pixels in {what}", "series.h5", _hdf5(maker, dataset, layers))


def _made_name(what: str) -> str:
    return {"licsar": licsar.FRAME, "licsbas maps": licsbas.FRAME, "hyp3": "hyp3", "vx-vy": "pair"}[what]


def _folder(maker: Callable[[Path], Path], pattern: str) -> Callable[[Path, Trap], object]:
    """A product whose every image declares so much."""

    def make(path: Path, trap: Trap) -> None:
        for file in maker(path.parent).rglob(pattern):
            file.unlink()
            sparse_tiff(SIDE, SIDE, block=16_384)(file, trap)

    return make


def _hdf5(maker: Callable[[Path], Path], dataset: str, layers: int) -> Callable[[Path, Trap], object]:
    """A product of which one dataset declares so much; its chunks were never written."""

    def make(path: Path, trap: Trap) -> None:
        maker(path.parent).rename(path)
        with h5py.File(path, "a") as file:
            del file[dataset]
            shape = (layers, SIDE, SIDE) if layers else (SIDE, SIDE)
            file.create_dataset(dataset, shape=shape, dtype="f4", chunks=(*shape[:-2], 1000, 1000))

    return make
