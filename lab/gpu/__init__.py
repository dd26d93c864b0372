"""Everything that needs a card, in one command (scripts/gpu); runs with torch, numpy, scipy, safetensors and affine."""
