"""Simulated ground with a known truth: velocity fields for training, benchmarks, tests and the demonstration.

Pure numerics; only `files` writes. In reading order: ground, velocity, sar, nation, nation_scenes, files.
"""
