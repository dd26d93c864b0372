"""Vector layers (GeoJSON, KML, shapefiles, GeoPackages, zips of them), by modules without Django, quick to import."""
