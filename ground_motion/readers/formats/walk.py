"""Walk through folders: the products to load, at any depth, and what is left alone and why. Does not use Django."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ground_motion.core.errors import InputError
from ground_motion.readers.formats.registry import GENERAL, READERS, SUFFIXES, recognise
from ground_motion.readers.formats.unknown import PARTS, is_zarr, looks_like_product
from ground_motion.readers.records import Declaration

MAX_DEPTH = 12  # Folders deeper below the given one are not read.
MAX_NAMES = 20_000  # No more files and folders are looked at.
SYSTEM_FOLDERS = frozenset({"__macosx", "@eadir", "$recycle.bin", "system volume information"})
SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})
# Such files often describe data and are none themselves.
PLAIN_TEXTS = frozenset({".txt", ".dat", ".asc", ".json", ".xml", ".kml", ".xlsx"})


class Walk(NamedTuple):
    """What a path holds. arrivals: files and folders to load; left_alone: path -> why it is not loaded."""

    arrivals: list[Path]
    left_alone: dict[Path, str]


def walk(path: Path, declared: Declaration | None = None) -> Walk:
    """Find what is to be loaded: the path itself, or all products in a folder that is none. Raises InputError."""
    if not path.is_dir() or format_of_folder(path) or is_zarr(path):
        return Walk([path, *(_others(path) if path.is_dir() else ())], {})
    found = Walk([], {})
    _Walker(path, found, declared).enter(path, 0)
    if not found.arrivals:
        why = [f"{left.name}: {reason}" for left, reason in found.left_alone.items()]
        held = f" ({len(why)} others, such as {why[0]})" if why else ""
        remedy = "Give velocities, or interferograms as HyP3 or LiCSAR have them"
        raise InputError(path, f"this folder holds no file of a known format{held}", remedy)
    return found


def format_of_folder(folder: Path) -> str | None:
    """Return the format of a folder that is one product, None for any other folder."""
    return next((reader.NAME for reader in READERS.values() if reader.recognises(folder)), None)


def _others(folder: Path) -> list[Path]:
    """Return files in a product's folder that another format's reader takes: they are no parts of that product."""
    own = {format_of_folder(folder), *GENERAL} - {None}
    others = []
    for file in sorted(folder.iterdir()):
        if file.is_file() and file.suffix.lower() in SUFFIXES and not _is_part(file):
            with suppress(InputError):  # The reader of the whole product reports faults of its parts.
                others += [file] if recognise(file) not in own else []
    return others


class _Walker:
    def __init__(self, root: Path, found: Walk, declared: Declaration | None) -> None:
        self.root, self.found, self.declared = root, found, declared
        self.visited: set[tuple[int, int]] = set()
        self.names = 0

    def enter(self, folder: Path, depth: int) -> None:
        """Walk through one folder and those in it; each is entered once, also if links lead back to it."""
        status = folder.stat()
        if (status.st_dev, status.st_ino) in self.visited:
            return
        self.visited.add((status.st_dev, status.st_ino))
        known = len(self.found.arrivals)
        for path in self._inside(folder):
            if not path.is_dir():
                self._file(path)
            elif format_of_folder(path) or is_zarr(path):  # The error of loading a Zarr store says how to convert it.
                self.found.arrivals.extend([path, *_others(path)])
            elif depth < MAX_DEPTH:
                self.enter(path, depth + 1)
            else:
                self.found.left_alone[path] = f"it lies more than {MAX_DEPTH} folders deep"
        if len(self.found.arrivals) == known and looks_like_product(folder):
            self.found.arrivals.append(folder)  # Loading the folder reports what is missing.

    def _inside(self, folder: Path) -> list[Path]:
        try:
            paths = sorted(folder.iterdir())
        except OSError as fault:
            self.found.left_alone[folder] = f"it cannot be opened ({fault.strerror})"
            return []
        self.names += len(paths)
        if self.names > MAX_NAMES:
            raise InputError(self.root, f"it holds more than {MAX_NAMES:,} names", "Give its folders one by one")
        return [path for path in paths if not path.name.startswith(".") and path.name.lower() not in SYSTEM_FOLDERS]

    def _file(self, path: Path) -> None:
        """Load a file that a reader takes or that is called like data; leave any other alone."""
        if _is_part(path) or path.name.lower() in SYSTEM_FILES:
            return
        try:
            other_layer = getattr(READERS[recognise(path, self.declared)], "other_layer", None)
            if other_layer and (layer := other_layer(path)):
                self.found.left_alone[path] = f"by its name it holds {layer}, not velocities"
                return
        except InputError as fault:
            if path.suffix.lower() not in SUFFIXES - PLAIN_TEXTS:
                self.found.left_alone[path] = fault.problem
                return
        self.found.arrivals.append(path)


def _is_part(path: Path) -> bool:
    """Return whether a file accompanies another one: overviews, statistics, world files, shapefile parts."""
    name = path.name.lower()
    ending = ".aux.xml" if name.endswith(".aux.xml") else os.path.splitext(name)[1]
    return ending in PARTS
