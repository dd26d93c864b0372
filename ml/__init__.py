"""Three methods, one folder each, and what they share. Numerics are pure; only the job side knows Django."""
