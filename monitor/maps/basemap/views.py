"""Views of the base map: its description, tiles of loaded layers, and the PMTiles file that BASEMAP_ARCHIVE names."""

import json
import struct
import zlib
from functools import lru_cache, partial
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from ingest.foundation.storage import open_part
from monitor.maps.basemap.ground import (
    FINEST_WORLD_ZOOM,
    FROM_ZOOM,
    ground_tile,
    ground_version,
    heights_tile,
    heights_version,
    heights_zoom,
    world_tile,
)
from monitor.maps.map.tile_geometry import VECTOR_TILE
from monitor.maps.rasters.answers import StoredFile, ranged, tile_or_404
from monitor.wording.refusals import only_parameters

DAY = "public, max-age=86400"
MINUTE = "public, max-age=60"
MAX_ARCHIVE_BYTES = 2**21  # The proxy takes an answer of this size at once, so that no slow reader holds a thread.
MAGIC, VERSION = b"PMTiles", 3
MAX_BYTES = 16 * 2**20  # A larger directory or block of metadata may be a bomb.
HEADER = struct.Struct("<8s 11Q x 3B 27x")  # section 3: magic, offsets and lengths, counts, compressions, tile type
SECTIONS = ("root", "metadata", "leaves", "tiles")
GZIP, MVT = 2, 1
READABLE = {1, GZIP}  # Tiles are uncompressed, or compressed as browsers expect.
SCHEMA_SIGNS = {"earth", "transportation"}  # The first is only Protomaps', the second only OpenMapTiles'.


@require_safe
def description(request: HttpRequest) -> JsonResponse:
    """Answer with the addresses of the base map's layers; null for missing layers."""
    ground, finest = ground_version(), heights_zoom()
    heights = None
    if finest is not None:
        tiles = f"/tiles/heights/{{z}}/{{x}}/{{y}}.png?v={heights_version()}"
        heights = {"tiles": tiles, "minzoom": FROM_ZOOM, "maxzoom": finest}
    body = {
        "ground": f"/tiles/ground/{{z}}/{{x}}/{{y}}.mvt?v={ground}" if ground else None,
        "heights": heights,
        "archive": reverse("basemap-archive") if _has_archive() else None,
    }
    return JsonResponse(body, headers={"Cache-Control": MINUTE})


@require_safe
@only_parameters("v")
def ground(request: HttpRequest, z: int, x: int, y: int) -> HttpResponse:
    """Answer with a vector tile of the ground: land, waters, roads, railways, buildings and places."""
    tile_or_404(z, x, y)
    life = _life(request, ground_version())  # Read this before the tile, because a layer may be loaded in between.
    return HttpResponse(ground_tile(z=z, x=x, y=y), content_type=VECTOR_TILE, headers={"Cache-Control": life})


@require_safe
@only_parameters()
def world(request: HttpRequest, z: int, x: int, y: int) -> HttpResponse:
    """Answer with a vector tile of the world atlas."""
    tile_or_404(z, x, y, known=z <= FINEST_WORLD_ZOOM)
    return HttpResponse(world_tile(z=z, x=x, y=y), content_type=VECTOR_TILE, headers={"Cache-Control": DAY})


@require_safe
@only_parameters("v")
def heights(request: HttpRequest, z: int, x: int, y: int) -> HttpResponse:
    """Answer with a PNG tile of heights for the relief."""
    tile_or_404(z, x, y, known=z >= FROM_ZOOM)
    life = _life(request, heights_version())  # Read this before the tile, because a layer may be loaded in between.
    return HttpResponse(heights_tile(z=z, x=x, y=y), content_type="image/png", headers={"Cache-Control": life})


@require_safe
def archive(request: HttpRequest) -> HttpResponseBase:
    """Answer with a byte range of the file that BASEMAP_ARCHIVE names; with all of it only if it is small."""
    if not _has_archive():
        raise Http404("This site has no base map of its own.")
    path = Path(settings.BASEMAP_ARCHIVE)
    state = path.stat()
    opened = partial(open_part, path)
    stored = StoredFile(path.name, state.st_size, "application/vnd.pmtiles", opened, max_bytes=MAX_ARCHIVE_BYTES)
    return ranged(request, stored, f'"{state.st_mtime_ns:x}-{state.st_size:x}"', DAY)


def _life(request: HttpRequest, version: str) -> str:
    """Return the value of Cache-Control: one day if ?v= names the loaded version, else one minute."""
    # A copy made under a future version would still be served once that version is loaded.
    return DAY if request.GET.get("v") == version else MINUTE


def _has_archive() -> bool:
    """Return whether BASEMAP_ARCHIVE names a readable file; if not, maps omit it and the doctor reports why."""
    return bool(settings.BASEMAP_ARCHIVE) and not fault_of(Path(settings.BASEMAP_ARCHIVE))


def fault_of(path: Path) -> str:
    """Return the reason why a file cannot be a base map, or ''. Checks header, root directory and metadata."""
    try:
        state = path.stat()
    except OSError:
        return f"{path}: there is no such file"
    fault = _fault(path, state.st_size, state.st_mtime_ns)
    return f"{path}: {fault}" if fault else ""


@lru_cache(maxsize=4)
def _fault(path: Path, size: int, changed_ns: int) -> str:
    with path.open("rb") as file:
        head = file.read(HEADER.size)
        if head[:7] != MAGIC:
            return f"this is no PMTiles archive (it begins with {head[:7]!r})"
        if head[7:8] != bytes([VERSION]):
            return f"PMTiles version {head[7] if head[7:] else 0} is not read"
        if len(head) < HEADER.size:
            return "this file ends within its header"
        values = HEADER.unpack(head)
        sections = {name: (values[n], values[n + 1]) for n, name in zip(range(1, 9, 2), SECTIONS, strict=True)}
        packed, packed_tiles, tile_type = values[-3:]  # compression of directories and of tiles; type of tiles
        missing = max(offset + length for offset, length in sections.values()) - size
        if missing > 0:
            return f"this file is cut off: {missing:,} bytes are missing"
        if tile_type != MVT or not {packed, packed_tiles} <= READABLE:
            return "its tiles are no vector tiles (MVT), or are packed otherwise than by gzip"
        try:
            root, metadata = (_read(file, *sections[name], packed) for name in ("root", "metadata"))
            layers = {str(layer["id"]) for layer in json.loads(metadata)["vector_layers"]}
        except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as fault:
            return f"its directory or its metadata cannot be read ({type(fault).__name__})"
    if not root[:1].strip(b"\0"):
        return "there is no tile in it"
    if not layers & SCHEMA_SIGNS:
        return "its layers are neither those of Protomaps nor those of OpenMapTiles"
    return ""


def _read(file: BinaryIO, offset: int, length: int, packed: int) -> bytes:
    """Return a section's bytes, decompressed if `packed` is GZIP. Raises OSError, EOFError, zlib.error, ValueError."""
    if length > MAX_BYTES:
        raise ValueError("too long")
    file.seek(offset)
    content = file.read(length)
    if packed == GZIP:
        unpacking = zlib.decompressobj(wbits=31)
        content = unpacking.decompress(content, MAX_BYTES)
        if not unpacking.eof:
            raise EOFError
    return content
