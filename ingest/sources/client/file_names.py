"""Names of files out of a catalogue of others: never trusted."""

import hashlib
import re
from urllib.parse import unquote, urlsplit

LONGEST = 160
KNOWN = (".zip", ".tif", ".tiff", ".h5", ".nc")
_STRANGE = re.compile(r"[^A-Za-z0-9._+-]+")


def safe_name(text: str, fallback: str = "image") -> str:
    """Return a base name of plain letters: no folder, no hidden file, nothing of a name that is too long.

    A name that had to be changed keeps its suffix, so that readers that go by names still know it.
    """
    base = re.split(r"[/\\]", text)[-1]
    plain = _STRANGE.sub("_", base).strip("._-+ ")
    if not plain:
        plain = _STRANGE.sub("_", fallback).strip("._-+ ") or "image"
    if len(plain) <= LONGEST:
        return plain
    stem, dot, suffix = plain.rpartition(".")
    suffix = suffix if dot and len(suffix) <= 8 else ""
    short = f"{(stem or plain)[: LONGEST - 20]}~{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return f"{short}.{suffix}" if suffix else short


def name_of(url: str, scene_id: str, media_type: str = "") -> str:
    """Return a file's name: the last part of its address where that shows its type, else its own id."""
    last = unquote(urlsplit(url).path).rpartition("/")[2]
    if last.lower().endswith(KNOWN):
        return safe_name(last, scene_id)
    suffix = ".tif" if "tiff" in media_type.lower() else ".zip"
    name = safe_name(scene_id)
    return name if name.lower().endswith(KNOWN) else f"{name.removesuffix('.SAFE')}{suffix}"
