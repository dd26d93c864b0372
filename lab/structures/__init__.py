"""Benchmarks of buildings and lines on simulated towns and routes."""
