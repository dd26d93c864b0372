"""What a point's displacement series shows beyond its velocity: trend, season, noise, and unwrapping errors in it."""
