"""Coherence of two detected images, and its change against the pairs before."""
