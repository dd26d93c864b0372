"""A package: an archive that is always the same to the bit: altered bytes show, if the seal is known from elsewhere.

Nothing in it is compressed. The manifest has the SHA-256 of every file; its own SHA-256 is the seal.
"""

import hashlib
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ground_motion.methods.deformation.sealed.measurement import Measurement

MANIFEST, FACTS, README = "manifest.json", "alert.json", "README.txt"
STAMP = "manifest.tsr"  # It follows the manifest in packages of 0.4.0; what it says is not read.
STATED = ("format", "code", "kind", "simulated", "made_with", "figures")  # Files of a package, in this order.
MAX_BYTES, MAX_FILES = 128 * 2**20, 200
MAX_HEADER_BYTES = 10_000
NAME = re.compile(r"[a-zA-Z0-9-]{1,40}\.(json|npy|tsr|txt)")
TIME = (1980, 1, 1, 0, 0, 0)  # A zip archive can state no earlier time.
INSTRUCTIONS = """\
Check this file offline, with the command line that belongs to Ground Motion Monitor:
ground-motion verify FILE.zip --seal "SEAL ON THE PAGE OR PAPER"

Diese Datei prüft offline die Befehlszeile, die zu Ground Motion Monitor gehört:
ground-motion verify DATEI.zip --seal "SIEGEL AUF SEITE ODER PAPIER"

Ce fichier se vérifie hors ligne, par la ligne de commande de Ground Motion Monitor :
ground-motion verify FICHIER.zip --seal "SCEAU SUR LA PAGE OU LE PAPIER"

Este archivo se comprueba sin conexión con el programa de Ground Motion Monitor:
ground-motion verify ARCHIVO.zip --seal "SELLO EN LA PÁGINA O EL PAPEL"
"""


class Altered(ValueError):
    """A file that is no package, or no longer what it was when it was sealed; the text says where."""


class Package(NamedTuple):
    """A package that was read. files: without the manifest; stated: the figures."""

    files: dict[str, bytes]
    stated: dict[str, Any]
    measurements: list[Measurement]
    manifest: bytes

    @property
    def seal(self) -> str:
        """SHA-256 of the manifest, hexadecimal."""
        return hashlib.sha256(self.manifest).hexdigest()


def files_of(
    stated: Mapping[str, Any], measurements: Sequence[tuple[Measurement, Mapping[str, Any]]]
) -> dict[str, bytes]:
    """Return the files of a package by name. stated: of the alert; measurements: each with its stated figures."""
    listed = [{"facts": measurement.facts, "figures": figures} for measurement, figures in measurements]
    files = {README: INSTRUCTIONS.encode(), FACTS: _as_json({**stated, "measurements": listed})}
    for number, (measurement, _) in enumerate(measurements, start=1):
        files[f"{number}-raster.npy"] = _as_npy(measurement.raster)
        files[f"{number}-series.npy"] = _as_npy(measurement.series)
        for track, points in enumerate(measurement.points, start=1):
            files[f"{number}-points-{track}.npy"] = _as_npy(points)
    return files


def manifest_of(files: Mapping[str, bytes]) -> bytes:
    """Return the manifest of some files: name -> SHA-256 and size."""
    return _as_json(
        {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for name, content in files.items()
        }
    )


def packed(files: Mapping[str, bytes], stamp: bytes = b"") -> bytes:
    """Return the archive of some files with their manifest and, if it is given, the old stamp of the manifest."""
    archive = BytesIO()
    every = {**files, MANIFEST: manifest_of(files)} | ({STAMP: stamp} if stamp else {})
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as out:
        for name, content in every.items():
            entry = zipfile.ZipInfo(name, TIME)
            entry.create_system = 3
            out.writestr(entry, content)
    return archive.getvalue()


def opened(archive: bytes) -> Package:
    """Read an archive, and check that it is to the bit what its files make. Raises Altered."""
    files = _entries(archive)
    stamp, manifest = files.pop(STAMP, b""), files.pop(MANIFEST, b"")
    if manifest != (listed := manifest_of(files)):
        raise Altered(f"The files are not those of the manifest: {', '.join(_differing(manifest, listed))}.")
    if archive != packed(files, stamp):
        raise Altered("The archive holds bytes that belong to none of its files.")
    try:
        stated = json.loads(files[FACTS])
        measurements = [
            Measurement(
                each["facts"],
                _array(files[f"{number}-raster.npy"]),
                [_array(files[f"{number}-points-{at}.npy"]) for at in range(1, len(each["facts"]["tracks"]) + 1)],
                _array(files[f"{number}-series.npy"]),
            )
            for number, each in enumerate(stated["measurements"], start=1)
        ]
        figures = [each["figures"] for each in stated["measurements"]]
        made = files_of({name: stated[name] for name in STATED}, list(zip(measurements, figures, strict=True)))
    except Exception as fault:  # JSON and headers of arrays that somebody made up can fail in many ways.
        raise Altered(f"The files are not those of a package: {fault!r}") from fault
    if files != made:
        raise Altered("The files are not written as a package writes them.")
    return Package(files, stated, measurements, manifest)


def _entries(archive: bytes) -> dict[str, bytes]:
    if len(archive) > MAX_BYTES:
        raise Altered(f"The file is larger than {MAX_BYTES >> 20} MB.")
    try:
        with zipfile.ZipFile(BytesIO(archive)) as given:
            entries = given.infolist()
            if len(entries) > MAX_FILES or len({entry.filename for entry in entries}) < len(entries):
                raise Altered("The archive holds too many files, or one of them twice.")
            if any(
                not NAME.fullmatch(entry.filename) or entry.compress_type or entry.compress_size != entry.file_size
                for entry in entries
            ) or sum(entry.file_size for entry in entries) > len(archive):
                raise Altered("The archive holds files that no package has.")
            return {entry.filename: given.read(entry) for entry in entries}
    except Altered:
        raise
    except Exception as fault:  # zipfile raises errors of many types for a file that is no archive.
        raise Altered(f"The archive is damaged: {fault}") from fault


def _differing(stated: bytes, made: bytes) -> list[str]:
    """Return the names of files that differ from the manifest; the manifest itself if it cannot be read."""
    try:
        before, now = json.loads(stated), json.loads(made)
        return sorted(name for name in {*before, *now} if before.get(name) != now.get(name)) or [MANIFEST]
    except (AttributeError, ValueError, TypeError, RecursionError):
        return [MANIFEST]


def plain(value: Any) -> Any:
    """Return a value as it is read back from JSON: lists for tuples, texts for dates."""
    return json.loads(json.dumps(value, default=str))


def _as_json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def _as_npy(array: NDArray[Any]) -> bytes:
    out = BytesIO()
    npy.write_array(out, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return out.getvalue()


def _array(content: bytes) -> NDArray[Any]:
    """Read an array of floats. A header that promises more than the file holds is refused. Raises ValueError."""
    stream = BytesIO(content)
    if npy.read_magic(stream) != (1, 0):
        raise ValueError("an array of another version")
    shape, by_columns, dtype = npy.read_array_header_1_0(stream, max_header_size=MAX_HEADER_BYTES)
    kinds = {part.kind for part, *_ in dtype.fields.values()} if dtype.fields else {dtype.kind}
    if by_columns or kinds != {"f"}:
        raise ValueError("an array of other values than floats")
    return np.frombuffer(content, dtype, offset=stream.tell()).reshape(shape)
