"""Programs of others that bring a GDAL, each in a process of its own. Arguments: a function's name, and JSON."""

import json
import sys


def window(address: str, col: int, row: int, side: int) -> dict:
    """Read a window of a raster by /vsicurl/, and state whether its first value is a number."""
    import rasterio
    from rasterio.windows import Window

    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"), rasterio.open(f"/vsicurl/{address}") as raster:
        values = raster.read(1, window=Window(col, row, side, side))
        return {"shape": raster.shape, "sum": float(values.sum(dtype=float)), "overviews": raster.overviews(1)}


def stac_tile(address: str, longitude: float, latitude: float) -> dict:
    """Read the value at a position, and the size of a preview, from the asset of a STAC item."""
    from rio_tiler.io import STACReader

    with STACReader(address) as item:
        assert item.assets == ["raster"], item.assets
        here = item.point(longitude, latitude, assets=["raster"])
        preview = item.preview(assets=["raster"], max_size=128)
        return {"value": float(here.data[0]), "preview": preview.data.shape, "bounds": item.bounds}


def features(address: str, *asked: tuple[str, str, list[float] | None]) -> list[dict]:
    """Read layers of OGC API Features with GDAL's driver OAPIF. asked: name, condition and box of each."""
    import pyogrio

    source, read = f"OAPIF:{address}", []
    listed = [name for name, _ in pyogrio.list_layers(source)]
    for layer, where, bbox in asked:
        meta, _, geometry, columns = pyogrio.raw.read(
            source, layer=layer, where=where or None, bbox=bbox and tuple(bbox)
        )
        values = dict(zip(meta["fields"].tolist(), (column.tolist() for column in columns), strict=True))
        types = dict(zip(meta["fields"].tolist(), meta["dtypes"].tolist(), strict=True))
        read.append({"layers": listed, "crs": meta["crs"], "n": len(geometry), "values": values, "types": types})
    return read


def points(*paths: str) -> list[dict]:
    """Read the layers of files with points: of each layer with geometries their number, fields and a first point."""
    import pyogrio
    import shapely

    read = []
    for path in paths:
        found = {}
        for layer, kind in pyogrio.list_layers(path):
            meta, _, geometry, columns = pyogrio.raw.read(path, layer=layer)
            first = None if kind is None else shapely.from_wkb(geometry[0]).coords[0][:2]
            values = dict(zip(meta["fields"].tolist(), (column.tolist() for column in columns), strict=True))
            found[layer] = {"kind": kind, "crs": meta["crs"], "first": first, "values": values}
        read.append(found)
    return read


def plain(value: object) -> object:
    """Return a list of an array, and anything else as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


json.dump(globals()[sys.argv[1]](*json.loads(sys.argv[2])), sys.stdout, default=plain)
