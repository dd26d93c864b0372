"""Checksums as catalogues write them, and of files.

Multihash: https://github.com/multiformats/multihash, which STAC's `file:checksum` uses
(https://github.com/stac-extensions/file): code and length as unsigned varints, then the digest, all in hexadecimal.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

LENGTHS_BYTES = {"md5": 16, "sha1": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64}
MULTIHASH_CODES = {0x11: "sha1", 0x12: "sha256", 0x13: "sha512", 0x20: "sha384", 0xD5: "md5", 0x1013: "sha224"}
MOST_CODES_BYTES = 4


class Checksum(NamedTuple):
    """One checksum; algorithm: a name of LENGTHS_BYTES; hexadecimal: the digest in lower case."""

    algorithm: str
    hexadecimal: str


def checksum(algorithm: str, hexadecimal: str) -> Checksum | None:
    """Return a usable checksum; None for an unknown algorithm or a digest of the wrong length."""
    name = algorithm.lower().replace("-", "")
    digest = _digest(hexadecimal)
    if name not in LENGTHS_BYTES or digest is None or len(digest) != LENGTHS_BYTES[name]:
        return None
    return Checksum(name, digest.hex())


def from_multihash(text: str) -> Checksum | None:
    """Parse STAC's `file:checksum`; None where it is no multihash of a known hash."""
    raw = _digest(text)
    code, rest = _varint(raw or b"")
    length, digest = _varint(rest)
    if code is None or length is None or length != len(digest) or code not in MULTIHASH_CODES:
        return None
    return checksum(MULTIHASH_CODES[code], digest.hex())


def file_checksum(path: Path, algorithm: str) -> Checksum:
    """Compute a file's checksum; one of the weak hashes is used where the catalogue has no other."""
    with path.open("rb") as stream:
        made = hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False))
    return Checksum(algorithm, made.hexdigest())


def _digest(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text.strip()) if text.isascii() else None
    except ValueError:
        return None


def _varint(raw: bytes) -> tuple[int | None, bytes]:
    value = 0
    for place, byte in enumerate(raw[:MOST_CODES_BYTES]):
        value |= (byte & 0x7F) << (7 * place)
        if not byte & 0x80:
            return value, raw[place + 1 :]
    return None, b""
