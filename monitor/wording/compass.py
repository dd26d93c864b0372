"""Bearings in words."""

COMPASS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")


def compass(bearing_deg: float) -> str:
    """'south-east': a bearing, clockwise from north, in words."""
    return COMPASS[round(bearing_deg / 45.0) % 8]
