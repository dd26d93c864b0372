"""The methods, one folder each, numerics only. `ground_motion.coherence` and others are functions, not folders."""
