"""Simulated ground with a known truth: velocity fields for training, benchmarks, tests and the demonstration.

Pure numerics (numpy, scipy, rasterio, pyproj, shapely): no Django, no Celery, no file except in `egms`,
`region_files` and `tile_files`. In reading order: frame, deformation, terrain, sources, layout, scatter, noise, series,
velocity, egms, region_files, command; for tiles: draws, nuisance, tiles, histories, files.tiles.
"""
