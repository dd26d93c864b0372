"""Files of a Sentinel-1 product (a folder or a zip, or folders around one), and their XML.

A product is a folder *.SAFE, or any that holds a Sentinel-1 manifest.safe: AWS (bucket sentinel-s1-l1c) leaves the
suffix out and calls the files annotation/iw-vv.xml and measurement/iw-vv.tiff; the Copernicus Data Space also has
products *_COG.SAFE, whose files end with -cog.
"""

import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, Any
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml.ElementTree import fromstring

from ground_motion.core.errors import InputError, refusing
from ground_motion.core.files import names_in
from ground_motion.readers.records import Float64
from ground_motion.readers.vectors.packages import BLOCK_BYTES, open_zip, require_room

# ESA, Sentinel-1 Product Specification, S1-RS-MDA-52-7441, 4.2
PRODUCT_NAME = re.compile(
    r"(?P<platform>S1[A-D])_(?P<mode>S[1-6]|IW|EW|WV|EN|RF|Z\d)_(?P<kind>[A-Z]{3})(?P<resolution>[FHM_])_"
    r"(?P<level>\w)(?P<class>\w)(?P<pols>SH|SV|DH|DV|HH|HV|VV|VH)_(?P<start>\d{8}T\d{6})_(?P<stop>\d{8}T\d{6})_"
    r"(?P<orbit>\d{6})_(?P<take>[0-9A-F]{6})_(?P<crc>[0-9A-F]{4})(?:_COG)?"
)
MANIFEST = "manifest.safe"
FOLDERS = ("", "annotation", "annotation/calibration", "measurement")
MAX_XML_BYTES = 64 * 2**20  # The longest annotation has about 5 million.
MAX_DEPTH = 3  # Most folders between the archive's root and a product.


@dataclass(frozen=True)
class Safe:
    """A product. path: as given; name: without .SAFE; root: its folder, in the zip if packed; files: readable ones."""

    path: Path
    name: str
    root: str
    files: frozenset[str]
    packed: bool

    def xml(self, file: str) -> bytes:
        """Return the content of a small file. Raises InputError."""
        with self.unpack(file, MAX_XML_BYTES) as path:
            content = path.read_bytes()
        if not content or len(content) > MAX_XML_BYTES:
            raise self.fault(f"{file} holds {len(content):,} bytes")
        return content

    @contextmanager
    def unpack(self, file: str, most_bytes: int) -> Iterator[Path]:
        """Yield the path of a file; if it is in a zip, it stays unpacked until the block ends. Raises InputError."""
        if not self.packed:
            yield self._path_of(file)
            return
        with tempfile.TemporaryDirectory(prefix="sentinel1-") as folder:
            target = Path(folder) / "image.tiff"
            with open_zip(self.path) as (archive, files):
                info = files.get(PurePosixPath(self.root + file))
                if info is None:
                    raise self.fault(f"{file} is missing")
                if info.file_size > most_bytes:
                    raise self.fault(f"{file} would unpack to {info.file_size:,} bytes, more than it can have")
                require_room(self.path, info.file_size, target.parent)
                with archive.open(info) as stream, target.open("wb") as out:
                    shutil.copyfileobj(stream, out, BLOCK_BYTES)
            yield target

    def fault(self, problem: str, remedy: str = "Download it again") -> InputError:
        """Return an InputError about the product."""
        return InputError(self.path, problem, remedy)

    def refusing(self, problem: str, *faults: type[Exception]) -> AbstractContextManager[None]:
        """Turn the given faults within a block into InputErrors about the product."""
        return refusing(self.path, problem, "Download it again", *faults)

    def _path_of(self, file: str) -> Path:
        place = Path(self.root) / file
        if not place.resolve().is_relative_to(Path(self.root).resolve()):
            raise self.fault(f"{file} is a link that leads out of the product", "Give the files themselves")
        if not place.is_file() or (file.endswith(".xml") and place.stat().st_size > MAX_XML_BYTES):
            raise self.fault(f"{file} is no file, or far too long")
        return place


def is_safe(path: Path) -> bool:
    """Return whether a folder holds one Sentinel-1 product, or a zip at least one. Never raises."""
    with suppress(InputError, OSError):
        if path.is_dir():
            return _folder_of(path) is not None
        if path.suffix.lower() == ".zip":
            with open_zip(path) as (archive, files):
                return bool(_roots(archive, files))
    return False


def product_name(path: Path) -> str:
    """Return the product's name, by its file or folder; empty if there is no such name. Never raises."""
    names = [path.name]
    with suppress(InputError, OSError):
        if path.is_dir():
            names.append((_folder_of(path) or path).name)
        elif path.suffix.lower() == ".zip":
            with open_zip(path) as (archive, files):
                names += [PurePosixPath(root).name for root in _roots(archive, files)[:1]]
    return next((match[0] for name in reversed(names) if (match := PRODUCT_NAME.match(name))), "")


def open_safe(path: Path) -> Safe:
    """Return a product with the list of its files. InputError if there is none, several, or a suspicious one."""
    if path.is_dir():
        folder = _folder_of(path)
        if folder is None:
            raise InputError(path, "this folder holds no Sentinel-1 product", "Give the folder that ends with .SAFE")
        listed = (f"{inside}/{name}".lstrip("/") for inside in FOLDERS for name in names_in(folder / inside))
        files = frozenset(file for file in listed if (folder / file).is_file())
        return Safe(path, product_name(folder), str(folder), files, packed=False)
    with open_zip(path) as (archive, members):
        roots = _roots(archive, members)
    if len(roots) != 1:
        problem = f"the zip holds {len(roots)} products"
        raise InputError(path, problem, "Give each in a zip of its own, or unpack it and give the folders")
    root = roots[0]
    files = frozenset(f"{name}".removeprefix(root) for name in members if f"{name}".startswith(root))
    return Safe(path, product_name(path), root, files, packed=True)


def _folder_of(path: Path, depth: int = 0) -> Path | None:
    """Return the product's folder: this one, or the only one in it; None if there is no such folder."""
    if _is_product(path):
        return path
    with os.scandir(path) as entries:
        inside = [Path(entry) for entry in islice(entries, 20) if not entry.name.startswith(".")]
    return _folder_of(inside[0], depth + 1) if len(inside) == 1 and inside[0].is_dir() and depth < MAX_DEPTH else None


def _is_product(folder: Path) -> bool:
    if PRODUCT_NAME.match(folder.name) and (folder.suffix == ".SAFE" or (folder / "annotation").is_dir()):
        return True  # A product counts whether or not its manifest was copied.
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return False
    with manifest.open("rb") as stream:
        return _is_sentinel1(stream)


def _is_sentinel1(manifest: IO[bytes]) -> bool:
    return b"safe/sentinel-1" in manifest.read(4096)


def _roots(archive: zipfile.ZipFile, files: Mapping[PurePosixPath, zipfile.ZipInfo]) -> list[str]:
    """Return the paths in a zip of the folders that are products, each with a final slash; empty: the zip itself."""
    roots = set()
    for name, info in files.items():
        parts = name.parts
        at = next((n for n, part in enumerate(parts) if PRODUCT_NAME.match(part)), None)
        if at is not None and not parts[at].endswith(".SAFE") and parts[at + 1 : at + 2] != ("annotation",):
            at = None
        if at is not None:
            roots.add("/".join(parts[: at + 1]) + "/")
        elif name.name == MANIFEST and len(parts) <= MAX_DEPTH + 1:
            with archive.open(info) as stream:
                if _is_sentinel1(stream):
                    roots.add(f"{name}".removesuffix(MANIFEST))
    return sorted(roots)


class Node:
    """An XML element in a file of a product. Paths of elements (`place`) are relative to it; faults are InputErrors."""

    def __init__(self, safe: Safe, file: str, element: Element) -> None:
        self.safe, self.file, self.element = safe, file, element

    @classmethod
    def parse_file(cls, safe: Safe, file: str) -> "Node":
        """Parse a file and return its root. Raises InputError for invalid XML or XML that refers to other files."""
        content = safe.xml(file)
        with safe.refusing(f"{file} is no XML that can be read ({{}})", ParseError, ValueError, LookupError):
            return cls(safe, file, fromstring(content, forbid_dtd=True))

    def fault(self, problem: str) -> InputError:
        """Return an InputError about the file."""
        return self.safe.fault(f"{self.file}: {problem}")

    def maybe(self, place: str) -> str:
        """Return the text of the element at a path; empty if there is none."""
        return (self.element.findtext(place) or "").strip()

    def text(self, place: str) -> str:
        """Return the text of the element at a path. Raises InputError if it is missing or empty."""
        content = self.maybe(place)
        if not content:
            raise self.fault(f"it has no {place.split('/')[-1]}")
        return content

    def number(self, place: str) -> float:
        """Parse the finite number at a path. Raises InputError."""
        return float(self._number(place, float))

    def whole(self, place: str) -> int:
        """Parse the whole number at a path. Raises InputError."""
        return int(self._number(place, int))

    def time(self, place: str) -> datetime:
        """Parse the time at a path, in UTC and aware. Raises InputError."""
        with self._refusing(place, f"is {self.text(place)[:40]!r}, not a time"):
            return datetime.fromisoformat(self.text(place).removesuffix("Z")).replace(tzinfo=UTC)

    def numbers(self, place: str) -> Float64:
        """Parse the list of finite numbers at a path, (n,). Raises InputError."""
        with self._refusing(place, "holds a value that is not a number"):
            values = np.array(self.text(place).split(), dtype=np.float64)
        if not np.isfinite(values).all():
            raise self.fault(f"its {place.split('/')[-1]} holds {values[~np.isfinite(values)][0]}, no finite number")
        return values

    def each(self, place: str) -> Iterator["Node"]:
        """Yield all elements at a path."""
        for element in self.element.iterfind(place):
            yield Node(self.safe, self.file, element)

    def _refusing(self, place: str, problem: str) -> AbstractContextManager[None]:
        return self.safe.refusing(f"{self.file}: its {place.split('/')[-1]} {problem}", ValueError)

    def _number(self, place: str, kind: Any) -> Any:
        text = self.text(place)
        with self._refusing(place, f"is {text[:40]!r}, not a number"):
            value = kind(text)
        if not np.isfinite(value):
            raise self.fault(f"its {place.split('/')[-1]} is {text[:40]}, no finite number")
        return value
