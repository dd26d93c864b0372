"""What a point's displacement series tells beyond its velocity: trend, season, noise, and unwrapping errors in it."""
