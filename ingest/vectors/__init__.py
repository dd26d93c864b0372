"""Readers of vector layers (GeoJSON, KML, shapefiles, GeoPackages, zips of them), quick to import, without Django."""
