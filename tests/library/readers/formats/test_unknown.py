"""Whatever people give that is no product: one sentence says what it is, what is missing, and the next step."""

import ast
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from ground_motion.core.errors import MAX_REFUSAL, InputError
from ground_motion.readers.formats.registry import recognise
from lab.sources import tree
from tests.makers import geotiff
from tests.makers.damage import zip_of

ROOT = Path(__file__).resolve().parents[3]
LOGIN = b"<!DOCTYPE html>\n<html><head><title>Earthdata Login</title></head><body>Sign in</body></html>"
FLOATS = b"\xbf\x01\0\x41" * 9
ENVI = b"ENVI\nsamples = 10\nlines = 10\nbands = 1\ndata type = 4\n"
XML = b'<?xml version="1.0"?>\n'


def zipped(*members: str):
    return lambda path: zip_of(path, dict.fromkeys(members, b"content"))


def datasets(*names: str):
    def make(path: Path) -> None:
        with h5py.File(path, "w") as file:
            for name in names:
                file[name] = np.zeros((3, 3), np.float32)

    return make


def folder(*names: str, content: bytes = b"x"):
    def make(path: Path) -> None:
        path.mkdir()
        for name in names:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)

    return make


def beside(content: bytes, *others: str, held: bytes = b"x"):
    def make(path: Path) -> None:
        path.write_bytes(content)
        for other in others:
            (path.parent / other).write_bytes(held)

    return make


def link(path: Path) -> None:
    path.symlink_to("gone.csv")


def vx_alone(path: Path) -> None:
    path.mkdir()
    geotiff.make(path, name="pair_vx.tif")


GIVEN = [
    ("a.7z", b"7z\xbc\xaf\x27\x1c\0\4", "7z archive", "7z x a.7z"),
    ("a.rar", b"Rar!\x1a\7\0", "RAR archive", "Unpack"),
    ("a.tar.xz", b"\xfd7zXZ\0", "archive is damaged", "Download it again"),
    ("a.tif.bz2", b"BZh91AY", "archive is damaged", "Download it again"),
    ("a.docx", zipped("[Content_Types].xml", "word/document.xml"), "Word document", "Give the data"),
    ("a.pptx", zipped("ppt/presentation.xml"), "slides", "Give the data"),
    ("a.npz", zipped("velocity.npy"), "NumPy", "table or a GeoTIFF"),
    ("a.qgz", zipped("a.qgs"), "QGIS project", "Export the layer"),
    ("a.qgs", b"<!DOCTYPE qgis PUBLIC>\n<qgis>", "QGIS project", "Export the layer"),
    ("login.csv", LOGIN, "web page", "Sign in there"),
    ("login.zip", LOGIN, "web page", "Sign in there"),
    ("login.tif", b"\n  " + LOGIN.lower(), "web page", "Sign in there"),
    ("login.h5", b"<html>", "web page", "Sign in there"),
    ("a.json", b'{"key": 1}', "JSON", "CSV or GeoPackage"),
    ("a.png", beside(b"\x89PNG\r\n\x1a\n", "a.pgw"), "PNG picture", "GeoTIFF"),
    ("a.jpg", b"\xff\xd8\xff\xe0", "JPEG picture", "GeoTIFF"),
    ("a.pgw", b"0.1\n0\n0\n-0.1\n1\n2\n", "world file", "GeoTIFF"),
    ("vel.tif.ovr", b"II*\0", "overviews", "Give vel.tif itself"),
    ("vel.tif.aux.xml", b"<PAMDataset>", "statistics", "Give vel.tif itself"),
    ("a.pdf", b"%PDF-1.7", "PDF", "Give the data"),
    ("a.dim", XML + b"<Dimap_Document>", "SNAP", "GeoTIFF"),
    ("a.data", folder("Sigma0_VV.img", "Sigma0_VV.hdr"), "SNAP", "GeoTIFF"),
    ("a.hdr", ENVI, "ENVI image", "beside it"),
    ("b.hdr", beside(ENVI, "b.img"), "header of the ENVI image b.img", "gdal_translate b.img b.tif"),
    ("S1_geo_velocity", beside(FLOATS, "S1_geo_velocity.hdr", held=ENVI), "ENVI image", "S1_geo_velocity.tif"),
    ("vel.dat", beside(FLOATS, "vel.dat.hdr", held=ENVI), "ENVI image", "gdal_translate vel.dat vel.tif"),
    ("e.bin", beside(FLOATS, "e.hdr", held=ENVI), "ENVI image", "gdal_translate e.bin e.tif"),
    ("S1A_VV_dB", b"II*\0" + FLOATS, "this is a TIFF", "Add .tif to its name"),
    ("vel.dat", b"MM\0+" + FLOATS, "this is a BigTIFF", "Add .tif to its name"),
    ("points", b"PAR1" + FLOATS, "this is a Parquet file", "Add .parquet to its name"),
    ("points.bin", b"fgb\3fgb\0" + FLOATS, "this is a FlatGeobuf file", "Add .fgb to its name"),
    ("a.hdf", b"\x0e\3\x13\1" + FLOATS, "this is an HDF4 file", "gdal_translate a.hdf a.tif"),
    ("points", b"SQLite format 3\0", "this is an SQLite database", "Add .gpkg to its name if it is a GeoPackage"),
    ("velocity.zarr", folder(".zgroup", "velocity/.zarray"), "Zarr store", '"velocity.zarr").to_netcdf("velocity.nc")'),
    ("v3", folder("zarr.json", "velocity/zarr.json"), "Zarr store", '"v3").to_netcdf("v3.nc")'),
    ("S1A.zarr", folder(".zmetadata", "measurements/a", "quality/b"), "Sentinel product in Zarr", "as .SAFE"),
    ("cube.zarr", folder(".zmetadata", "vx/0", "vy/0"), "ITS_LIVE datacube of many pairs (Zarr)", "its image pairs"),
    ("v.zarr.zip", zipped(".zgroup", "velocity/0.0", "x/0"), "Zarr store", "to_netcdf"),
    (
        "above",
        folder("velocity.zarr/.zgroup", "velocity.zarr/x/0"),
        "it holds velocity.zarr: this is a Zarr store",
        "to_netcdf",
    ),
    ("a.img", b"\0" * 99, "raw image", "gdal_translate a.img a.tif"),
    ("e.img", b"EHFA_HEADER_TAG\0", "ERDAS", "gdal_translate e.img e.tif"),
    ("a.vrt", b"<VRTDataset>", "VRT", "gdal_translate a.vrt a.tif"),
    (f"{'n' * 200}.vrt", b"<VRTDataset>", "VRT", "gdal_translate"),
    ("a.unw", b"\0" * 99, "one image of a pair, by ISCE", "velocities of the whole stack"),
    ("filt_fine.unw.geo", b"\0" * 99, "one image of a pair, by ISCE", "velocities of the whole stack"),
    ("filt_fine.unw.vrt", b"<VRTDataset>", "one image of a pair, by ISCE", "velocities of the whole stack"),
    ("topophase.unw.geo.hdr", ENVI, "one image of a pair, by ISCE", "velocities of the whole stack"),
    ("EQA.dem_par", b"Gamma DIFF&GEO DEM/MAP parameter file\n", "parameters of ROI_PAC or GAMMA", "velocities"),
    ("geo_disp", FLOATS, "binary numbers", "data2geotiff EQA.dem_par geo_disp 2"),
    ("vel.dat", b"\xbf\x01\x14\x41" * 9, "binary numbers", "data2geotiff EQA.dem_par vel.dat 2"),
    ("a.npy", b"\x93NUMPY\1\0v\0", "NumPy", "GeoTIFF"),
    ("a.mat", b"MATLAB 5.0 MAT-file", "MATLAB", "as a table"),
    ("b.mat", b"MATLAB 7.3 MAT-file", "MATLAB", "as a table"),
    ("manifest.safe", XML, "Sentinel-1", "the folder that it stands in"),
    ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "spreadsheet", "CSV"),
    ("a.sqlite", b"SQLite format 3\0", "SQLite", "GeoPackage"),
    ("a.dbf", b"\3", "shapefile a.shp", "a.shp with its parts"),
    ("a.xml", XML, "XML", "Give the data"),
    ("a.crdownload", b"PK\3\4", "download that has not ended", "Wait"),
    ("a.tif.part", b"II*\0", "download that has not ended", "Wait"),
    ("cut.zip", b"PK\3\4", "not a whole zip", "cut off"),
    ("a.zip", b"7z\xbc\xaf", "not a zip file; this is a 7z archive", "7z x"),
    ("zips.zip", zipped("one.zip", "two.zip"), "one.zip, two.zip", "Unpack"),
    ("parts.zip", zipped("a.bin", "b.bin"), "a.bin, b.bin", "Unpack"),
    ("a.bin", b"\1\2\3", "of a known format", "Export"),
    ("points", b"id,lon,lat,vel\n1,2,3,4\n", "looks like a table", "Call it points.csv"),
    ("noname", b"\1\2\3", "of a known format", "Export"),
    ("empty", folder(), "folder is empty", "Give files"),
    ("folders", folder("a/b.bin", "c/d.bin"), "it holds a, c", "one by one"),
    ("gone.csv.lnk", link, "link to gone.csv", "Give the file"),
    ("nowhere.csv", lambda path: None, "no such file", "Check the path"),
    ("zero.h5", b"", "empty", "again"),
    ("a.h5", datasets("cum", "vel"), "a series of LiCSBAS (cum.h5), but lacks imdates", "Give the file"),
    ("b.h5", datasets("alpha", "beta"), "holds alpha, beta", "table or a GeoTIFF"),
    ("geo_temporalCoherence.h5", datasets("temporalCoherence"), "coherence of a product of MintPy", "folder geo"),
    ("gslc.h5", datasets("science/LSAR/GSLC/grids"), "NISAR image of complex numbers", "L2 GUNW"),
    ("cslc.h5", datasets("data/VV", "identification/x"), "OPERA image of complex numbers", "DISP-S1"),
    ("a.csv", b"id,lon,lat,colour\n1,2,3,4\n", "no column of velocities", "--mapping"),
    ("c.csv", b"id,WKT,velocity\n1,POINT (1 2),3\n", "shapes as text", "longitude and latitude"),
    (
        "d.csv",
        b'id,.geo,velocity\n1,"{""type"": ""Point"", ""coordinates"": [1, 2]}",3\n',
        "'.geo' holds shapes",
        "Earth",
    ),
    (
        "e.csv",
        b"id,geom,velocity\n1,0101000020E6100000000000000000F03F0000000000000040,3\n",
        "'geom' holds",
        "longitude",
    ),
    ("95.pos", b"+SITE/INF\n ID           950115\n-SITE/INF\n", "GEONET", "east_mm"),
    ("a.pos", b"%  GPST   latitude(deg) longitude(deg)\n2019/01/04 36.6 -105.9\n", "RTKLIB", "daily positions"),
    ("b.pos", b"% program   : RTKPOST ver.2.4.3\n% inp file\n", "RTKLIB", "daily positions"),
    ("midas.IGS14.txt", b"P123 MIDAS5 2005.7 2024.1 18.4 6000 -0.01\n" * 2, "velocities of stations", ".tenv3"),
    ("P123.NA.tenv", b"P123 05SEP26 2005.7365 53639 1342 1 0.1\n" * 2, "no place", "Give the .tenv3"),
    ("w.txt", b"# USGS\nagency_cd\tsite_no\tlev_dt\tlev_va\nUSGS\t1\t2020-01-01\t9\n", "levels of wells", "level_m"),
    ("w.csv", b"well,lon,lat,date,groundwater_level\nW1,1,2,2020-01-01,9\n", "levels of wells", "level_m"),
    ("l.csv", b"benchmark_id,lon,lat,date,height\nB1,1,2,2020-01-01,9\n", "levelled benchmarks", "sigma_mm"),
    ("s.csv", b"site,time,north,east,up\nP1,2020-01-01,1,2,3\n", "without the columns that are read", "east_mm"),
    ("a.geojsonl", b'{"type": "Feature"}\n', "one line for each point", "ogr2ogr a.gpkg GeoJSONSeq:a.geojsonl"),
    ("b.csv", b"id,where,velocity\n1,2,3\n", "no columns of positions", "--mapping"),
    ("licsbas", folder("results/vel", "results/vstd"), "LiCSBAS result", "EQA.dem_par"),
    ("a.SAFE", folder("annotation/a.xml"), "manifest.safe is missing", "Unpack"),
    ("frame", folder("20200101_20200113/a.geo.cc.tif"), "LiCSAR frame", "unwrapped phases"),
    ("pairs", folder("20200101_20200113/filt_fine.unw"), "pairs of ISCE, GAMMA or GMTSAR (20200101_", "MintPy"),
    ("intf_all", folder("2019004_2019016/unwrap_ll.grd"), "pairs of ISCE, GAMMA or GMTSAR (2019004_", "sbas"),
    ("flat", folder("20200101_20200113.geo.unw.tif"), "LiCSAR outside their frame", "FRAME/GEOC"),
    ("snap", folder("a.dim", "a.data/b.img"), "SNAP", "GeoTIFF"),
    ("measurement", folder("s1a-iw-grd-vv-20240501t052653-x-001.tiff"), "manifest.safe", "ends with .SAFE"),
    ("S1AA", folder("S1AA_corr.tif"), "HyP3 product, but has no _unw_phase.tif", "as it was downloaded"),
    ("renamed", folder("a_corr.tif", "a_unw_phase.tif"), "HyP3 product, but has names of", "as it was downloaded"),
    ("pair", vx_alone, "no *_vy.tif", "Put *_vy.tif beside it"),
]


@pytest.mark.parametrize(("name", "content", "problem", "remedy"), GIVEN, ids=[row[0] for row in GIVEN])
def test_what_is_no_product_is_refused_with_what_it_is_and_the_one_next_step(tmp_path, name, content, problem, remedy):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        content(path)
    with pytest.raises(InputError) as refused:
        recognise(path)
    assert problem in refused.value.problem
    assert remedy in refused.value.remedy
    assert len(f"{refused.value.problem}. {refused.value.remedy}.") <= MAX_REFUSAL


@pytest.mark.parametrize("name", ["a.csv", "folder"])
def test_what_may_not_be_read_says_so(tmp_path, monkeypatch, name):
    """Root may read everything, so the operating system's answer is replaced."""
    path = tmp_path / name
    folder()(path) if name == "folder" else path.write_bytes(b"x")
    monkeypatch.setattr(os, "access", lambda *args: False)
    with pytest.raises(InputError, match="permissions"):
        recognise(path)


def test_a_column_of_any_length_leaves_the_next_step_whole():
    fault = InputError("a.csv", "column " + 5000 * "c", "Name it")
    assert fault.problem.endswith("…")
    assert str(fault).endswith(". Name it.")
    assert len(f"{fault.problem}. {fault.remedy}.") <= MAX_REFUSAL


def texts_of(module: ast.Module) -> list[tuple[int, int]]:
    """Return (line, letters) of the literal parts of each refusal; a name stands for its longest text."""
    constants = assigned(module.body, {})
    found = []
    for function in (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)):
        named = assigned(ast.walk(function), constants)
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"InputError", "refusing"}:
                found += [(node.lineno, sum(letters(text, named) for text in node.args[1:3]))]
    return found


def assigned(nodes, known: dict[str, int]) -> dict[str, int]:
    """Return name -> letters of the longest text that is assigned to it."""
    named = dict(known)
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            named[node.targets[0].id] = max(named.get(node.targets[0].id, 0), letters(node.value, named))
    return named


def letters(node: ast.AST, named: dict[str, int]) -> int:
    """Return the number of letters of the longest text that an expression can have, without values put into it."""
    match node:
        case ast.Constant(value=str(text)):
            return len(text)
        case ast.Name(id=name):
            return named.get(name, 0)
        case ast.JoinedStr(values=parts):
            return sum(letters(part, named) for part in parts)
        case ast.FormattedValue(value=value):
            return letters(value, named)
        case ast.BinOp(left=left, right=right):
            return letters(left, named) + letters(right, named)
        case ast.IfExp(body=body, orelse=other):
            return max(letters(body, named), letters(other, named))
    return 0


def test_no_refusal_of_readers_is_longer_than_a_person_reads_at_once():
    room_for_values = 40
    long = [
        f"{path.relative_to(ROOT)}:{line}: {count} letters"
        for folder in ("ground_motion/readers", "ingest")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, count in texts_of(tree(path.read_text()))
        if count > MAX_REFUSAL - room_for_values
    ]
    assert long == []
