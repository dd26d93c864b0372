"""Shared parts of evaluations: tiles of benchmarks, matching of outlines, scores."""
