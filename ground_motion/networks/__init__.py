"""Torch modules only: no Django, no files, no simulators."""
