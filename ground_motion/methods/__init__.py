"""The methods, one folder each, numerics only. They lie here because `coherence` and others are functions."""
