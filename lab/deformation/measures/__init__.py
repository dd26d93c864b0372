"""Parts that evaluations share: tiles of a benchmark, outlines that match, scores."""
