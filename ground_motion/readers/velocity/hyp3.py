"""ASF HyP3 InSAR, of scenes (GAMMA) or bursts (ISCE2): GeoTIFFs of one or several products, in a folder or alone.

A folder of their zips, as they are downloaded, is the stack of these products.

Source: ASF HyP3 Sentinel-1 InSAR and burst InSAR product guides. `los_disp` is m, plus is toward the satellite;
`vert_disp` m, plus up; `unw_phase` rad, plus is **away**: the opposite of the displacement maps. `lv_theta` is the
elevation of the look vector above the horizontal and `lv_phi` its direction from east counter-clockwise, both rad, from
the ground to the satellite.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ground_motion.core import files
from ground_motion.core.errors import InputError, refusing
from ground_motion.readers import archives, raster
from ground_motion.readers.gate import agree
from ground_motion.readers.records import Component, Declaration, Float32, VelocityField
from ground_motion.readers.tables import text_table
from ground_motion.readers.velocity import stacks

NAME = "hyp3"
TITLE = "HyP3"
ORDER = 150
SUFFIXES = raster.SUFFIXES
FILE_NAME = re.compile(
    r"(?P<product>(?P<place>S1[A-D]{2}|S1_\d{6}_[IE]W\d|S1_(?P<track>\d{3})_[\dsn-]+_[IE]W)"
    r"_(?P<first>\d{8})(?:T\d{6})?_(?P<second>\d{8})(?:T\d{6})?_(?P<pol>[VH]{2})(?:[PRO]\d{3})?"
    r"_INT\d+(?:_G_\w{3})?_[0-9A-F]{4})_(?P<layer>\w+?)(?:_clip(?:ped)?)?\.tif"
)
ATTRIBUTION = "Contains modified Copernicus Sentinel data, processed by ASF HyP3"
LICENCE = "Copernicus Sentinel data terms; HyP3 products are free and open"


@dataclass(frozen=True)
class Layer:
    """Type of displacement image. mm: factor from its values to mm with our sign."""

    name: str
    component: Component
    mm: float


# The first layer that every product has is used.
LAYERS = (
    Layer("los_disp", Component.LOS, 1000.0),  # file: m, plus is toward; ours: mm, toward
    # file: rad, plus is away; ours: mm, toward
    Layer("unw_phase", Component.LOS, stacks.mm_per_radian(stacks.SENTINEL1_WAVELENGTH_M)),
    Layer("vert_disp", Component.UP, 1000.0),  # file: m, plus is up; ours: mm, up
)
Products = dict[str, dict[str, Path]]  # product -> layer -> file


def recognises(path: Path) -> bool:
    """Return whether a path is by its name an image of HyP3, or a folder of such images or zips. Never raises."""
    return bool(_zips(path)) or any(_layer_of(file.name) and raster.is_geotiff(file) for file in _files(path) or [path])


def read(path: Path, declared: Declaration) -> tuple[VelocityField, ...]:
    """Read the headers of all images; their network of pairs is inverted later, in batches. Raises InputError."""
    zips = _zips(path)
    unpacked = tuple(archives.Unpacked(file) for file in zips)
    stack, pol = _stack(path, unpacked)
    grid = stacks.check(stack)
    with raster.open_geotiff(Path(stack.pairs[0].phase)) as image:
        simulated = image.tags().get("SIMULATED") == "yes"
    named = FILE_NAME.fullmatch(stack.pairs[0].phase.name)
    burst = named["place"] if named and "_" in named["place"] else ""
    track = int(named["track"]) if named and named["track"] else None
    header = stacks.header_of(
        stack,
        grid,
        {"layer": _layer_of(stack.pairs[0].phase.name) or ""} | ({"burst": burst} if burst else {}),
        source_format=NAME,
        level="interferograms" if len(stack.pairs) > 1 else "pair",
        track=agree(path, "track", {"--track": declared.track, "its name": track}),
        direction=stacks.direction(stack, grid),
        polarisation=pol,
        simulated=simulated,
        attribution="Simulated data" if simulated else ATTRIBUTION,
        licence="" if simulated else LICENCE,
    )
    field = stacks.field(stack, grid, header)
    loose = [file for file in field.files if path in file.parents] if path.is_dir() else []
    return (replace(field, files=(*loose, *zips)),)


def _layer_of(name: str) -> str | None:
    named = FILE_NAME.fullmatch(name)
    return named["layer"] if named and named["layer"] in {layer.name for layer in LAYERS} else None


def _files(path: Path) -> list[Path]:
    """Return the files of a folder and of its direct subfolders, sorted. Never raises."""
    found: list[Path] = []
    for name in files.names_in(path):
        if FILE_NAME.fullmatch(f"{name}_corr.tif") and (path / name).is_dir():  # a product that was unpacked
            found += [path / name / inside for inside in files.names_in(path / name)]
        else:
            found.append(path / name)
    return sorted(found)


def _zips(path: Path) -> list[Path]:
    """Return the zips of products in a folder, without those already unpacked there. Never raises."""
    names = files.names_in(path)
    products = {name for name in names if FILE_NAME.fullmatch(f"{name.removesuffix('.zip')}_corr.tif")}
    return [path / name for name in sorted(products) if name.endswith(".zip") and name[:-4] not in products]


def _products(images: list[Path]) -> Products:
    products: Products = {}
    for file in images:
        if named := FILE_NAME.fullmatch(file.name):
            if named["layer"] in (layers := products.setdefault(named["product"], {})):
                raise InputError(file, f"layer {named['layer']} of this product appears twice", "Keep one of the two")
            layers[named["layer"]] = file
    return {name: layers for name, layers in products.items() if {layer.name for layer in LAYERS} & layers.keys()}


def _stack(path: Path, unpacked: tuple[archives.Unpacked, ...]) -> tuple[stacks.Stack, str]:
    """Return (stack of all pairs, their polarisations). path: folder of the files, or the only file."""
    inside = [file for archive in unpacked for file in _files(archive.folder)]
    products = _products([path] if path.is_file() else [*_files(path), *inside])
    chosen = next((layer for layer in LAYERS if all(layer.name in problem for problem in products.values())), None)
    if chosen is None or not products:
        problem = f"its {len(products)} products have no layer in common"
        raise InputError(path, problem, "Give los_disp, unw_phase or vert_disp of each")
    pairs, pols, places = [], set(), set[str]()
    for name, layers in sorted(products.items()):
        file = layers[chosen.name]
        named = FILE_NAME.fullmatch(file.name)
        if named is None:
            raise InputError(file, "its name is not that of a HyP3 image", "Keep the name that it came with")
        with refusing(file, f"its name {name} holds an invalid date ({{}})", "Download it again", ValueError):
            first, second = text_table.day_of(named["first"]), text_table.day_of(named["second"])
        pairs.append(stacks.Pair(first=first, second=second, phase=file, coherence=layers.get("corr")))
        pols.add(named["pol"])
        places.add(named["place"] if "_" in named["place"] else "scenes")
    if len(places) > 1:
        problem = f"its products are of {' and '.join(sorted(places)[:3])}"
        raise InputError(path, problem, "Give the products of one burst, or of one set of bursts, in one folder")
    first_layers = next(iter(products.values()))
    return stacks.Stack(
        folder=path,
        pairs=tuple(pairs),
        mm=chosen.mm,
        component=chosen.component,
        look_vectors=_look_vectors(first_layers),
        height=first_layers.get("dem"),
        unpacked=unpacked,
        referenced=len(pairs) > 1,  # One product keeps the reference point that it was unwrapped from.
    ), "/".join(sorted(pols))


def _look_vectors(layers: dict[str, Path]) -> stacks.LookVectors | None:
    if "lv_theta" not in layers or "lv_phi" not in layers:
        return None
    return stacks.LookVectors((layers["lv_theta"], layers["lv_phi"]), _from_angles)


def _from_angles(angles: list[Float32]) -> tuple[Float32, Float32, Float32]:
    """Return (east, north, up) of the unit vector from lv_theta and lv_phi; NaN where both are 0 (unknown)."""
    theta, phi = angles
    theta = np.where((theta == 0) & (phi == 0), np.float32(np.nan), theta)
    return np.cos(theta) * np.cos(phi), np.cos(theta) * np.sin(phi), np.sin(theta)
