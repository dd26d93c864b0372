"""STAC's JSON schemas as local files: those of the core come with pystac, those of extensions stand in tests/data."""

import json
from pathlib import Path

import pystac

FOLDERS = (Path(pystac.__file__).parent / "validation" / "jsonschemas", Path(__file__).parents[1] / "data" / "stac")


def schema_files() -> dict[str, str]:
    """Return the file of every schema by its address; one of the core misspells its own."""
    paths = [path for folder in FOLDERS for path in folder.rglob("*.json")]
    addresses = [json.loads(path.read_text())["$id"].removesuffix("#") for path in paths]
    return {
        address.replace("commonjson", "common.json"): str(path) for address, path in zip(addresses, paths, strict=True)
    }
