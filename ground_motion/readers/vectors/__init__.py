"""Readers of vector layers (GeoJSON, KML, shapefiles, GeoPackages, zips of these); quick to import, without Django."""
