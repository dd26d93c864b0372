"""Where rasters, inputs and pieces lie, on a disk or in an S3-compatible object store; finders of static files."""

import os
import re
from collections.abc import Iterator
from functools import cache, partial
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.staticfiles.finders import FileSystemFinder
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedStaticFilesStorage

from monitor.start import variables

LARGE = re.compile("/(dash/component|maplibre-gl|plotly[.]js)/")  # brotli makes these scripts a sixth smaller
WITH_BROTLI = Compressor(quiet=True)
JOINED_SHEET = re.compile(r"css/joined/([\w-]+)\.[0-9a-f]{12}\.css", re.ASCII)
STYLES_TAG = re.compile(r"{% styles ([^%]+) %}")
VENDORED_SHEETS = {"maplibre-gl": "vendor/maplibre-gl/maplibre-gl.css", "uplot": "vendor/uplot/uPlot.min.css"}
PARENT = "RASTER_STORAGE_PARENT"  # The process that reads a given file finds the socket of its worker there.


def storages_of(var_dir: Path) -> dict[str, dict[str, Any]]:
    """Return STORAGES for rasters and, in an object store, for inputs and pieces. Raises ImproperlyConfigured."""
    folder = {"location": variables.text("RASTER_DIR", str(var_dir / "rasters"))}
    on_disk = {"BACKEND": "ingest.foundation.storage.WholeFileStorage", "OPTIONS": folder}
    if PARENT in os.environ:
        parent = {"descriptor": int(os.environ[PARENT])}
        return {"rasters": {"BACKEND": "ingest.foundation.storage.handed.HandedStorage", "OPTIONS": parent}}
    if not (url := variables.text("RASTER_STORAGE_URL")):
        return {"rasters": on_disk}
    address, endpoint = urlsplit(url), variables.text("S3_ENDPOINT_URL")
    if address.scheme != "s3" or not address.netloc or "?" in url or "#" in url:
        raise ImproperlyConfigured(f"RASTER_STORAGE_URL is {url!r}; write s3://bucket or s3://bucket/prefix.")
    if urlsplit(endpoint).scheme not in ("http", "https") or urlsplit(endpoint).path.strip("/"):
        raise ImproperlyConfigured("RASTER_STORAGE_URL needs S3_ENDPOINT_URL, such as https://s3.example.org.")
    names = ("rasters", "inputs", "pieces")
    return {name: object_storage(address.netloc, address.path, endpoint, name) for name in names}


def object_storage(bucket: str, prefix: str, endpoint: str, folder: str) -> dict[str, Any]:
    """Return Django's storage settings for one folder of an S3 bucket."""
    # Keys that are not set are looked for where boto looks: ~/.aws/credentials, AWS_SHARED_CREDENTIALS_FILE.
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")  # Else the library asks a metadata service.
    options = {
        "bucket_name": bucket,
        "location": f"{prefix.strip('/')}/{folder}".strip("/"),
        "endpoint_url": endpoint.rstrip("/"),
        "region_name": variables.text("S3_REGION"),
        "access_key": variables.text("S3_ACCESS_KEY_ID") or None,
        "secret_key": variables.text("S3_SECRET_ACCESS_KEY") or None,
    }
    return {"BACKEND": "ingest.foundation.storage.objects.ObjectStorage", "OPTIONS": options}


class OnceCompressor(Compressor):
    """Compressor that skips files whose compressed copy has the same time of change, which WhiteNoise gives it."""

    def compress(self, path: str) -> list[str]:
        """Return the compressed files that were written: by gzip, and by brotli those that are large."""
        is_large = bool(LARGE.search(path))
        packed = Path(f"{path}.br" if is_large else f"{path}.gz")
        if packed.exists() and int(packed.stat().st_mtime) == int(Path(path).stat().st_mtime):
            return []
        written: list[str] = Compressor.compress(WITH_BROTLI if is_large else self, path)
        return written


class StaticFiles(CompressedStaticFilesStorage):
    """WhiteNoise's storage, which packs by brotli what is large: to pack all makes a first start a minute longer."""

    create_compressor = staticmethod(partial(OnceCompressor, use_brotli=False))


class FurtherFiles(FileSystemFinder):
    """Finder of files that are not in STATICFILES_DIRS."""

    def check(self, **kwargs: Any) -> list[Any]:
        """Return no messages, because Django's own finder already reports those about STATICFILES_DIRS."""
        return []


class DashFiles(FurtherFiles):
    """Finder of the scripts of Dash, which the workbench loads below dash/component/."""

    FOLDERS = ("dash/deps", "dash/dcc", "dash/html", "dash/dash-renderer")
    UNUSED = ("*.py", "*.pyc", "*.map", "*.json", "*.txt", "*.dev.js", "*[0-9].js", "polyfill*", "async-[!g]*")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.locations, self.storages = [], {}
        for folder in self.FOLDERS:
            package, below = folder.split("/")
            root = str(Path(str(find_spec(package).origin)).with_name(below))  # type: ignore[union-attr]
            storage = FileSystemStorage(location=root)
            prefix = f"dash/component/{folder}"
            storage.prefix = prefix  # type: ignore[attr-defined]  # The finder reads it there.
            self.locations.append((prefix, root))
            self.storages[root] = storage

    def list(self, ignore_patterns: Any) -> Iterator[Any]:
        """Return all files except those of Python, for developers of Dash, and of components that no sheet has."""
        yield from super().list([*(ignore_patterns or []), *self.UNUSED])


def sheet_path(names: tuple[str, ...]) -> str:
    """Return where the static files have these components as one; another path once one of them has changed."""
    paths = _components(names)
    return _named(names, paths, tuple(path.stat().st_mtime_ns for path in paths))


@cache
def _named(names: tuple[str, ...], paths: tuple[Path, ...], changed_ns: tuple[int, ...]) -> str:
    return f"css/joined/{'_'.join(names)}.{sha256(_content(paths)).hexdigest()[:12]}.css"


def _components(names: tuple[str, ...]) -> tuple[Path, ...]:
    return tuple(Path(settings.STATICFILES_DIRS[0], VENDORED_SHEETS.get(name, f"css/{name}.css")) for name in names)


def _content(paths: tuple[Path, ...]) -> bytes:
    return b"\n".join(path.read_bytes() for path in paths)


class JoinedSheets(FurtherFiles):
    """Finder of css/joined/, which joins a template's style sheets, because a page's first picture waits for each."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.root = str(settings.VAR_DIR / "sheets")
        self.locations = [("", self.root)]
        self.storages = {self.root: FileSystemStorage(location=self.root)}

    def list(self, ignore_patterns: Any) -> Iterator[Any]:
        """Return the files that the templates name."""
        templates = [path.read_text() for path in Path(settings.SITE_DIR, "templates").rglob("*.html")]
        named = {tuple(re.findall(r'"([^"]+)"', tag)) for text in templates for tag in STYLES_TAG.findall(text)}
        for names in sorted(named):
            yield self._write(names), self.storages[self.root]

    def find_location(self, root: str, path: str, prefix: str | None = None) -> str | None:
        """Write the file of these components, if it is of their present content, and return its place."""
        wanted = JOINED_SHEET.fullmatch(path)
        names = tuple(wanted[1].split("_")) if wanted else ()
        if names and all(one.exists() for one in _components(names)) and sheet_path(names) == path:
            self._write(names)
        found: str | None = super().find_location(root, path, prefix)
        return found

    def _write(self, names: tuple[str, ...]) -> str:
        path = sheet_path(names)
        file = Path(self.root, path)
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            part = file.with_suffix(f".{token_hex(8)}")  # Other threads and processes may write the same file.
            part.write_bytes(_content(_components(names)))
            part.replace(file)
        return path
