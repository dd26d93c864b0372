"""Three methods, one folder each, and what they share. Numerics are pure; only models, services and tasks know Django."""
