"""Simulated ground with a known truth: velocity fields for training, benchmarks, tests and the demonstration.

Pure numerics (numpy, scipy, rasterio, pyproj, shapely): no Django, no Celery, no file except in `files`. In reading
order: ground, velocity, sar, nation, nation_scenes, files.
"""
