"""Components of motion (los, up, east, north) in words."""

COMPONENT_LABELS = {
    "los": "along the satellite's line of sight",
    "up": "up and down",
    "east": "east and west",
    "north": "north and south",
}
WORDS = {  # of a negative value, of a positive one
    "los": ("away from the satellite", "toward the satellite"),
    "up": ("sinking", "rising"),
    "east": ("moving west", "moving east"),
    "north": ("moving south", "moving north"),
}

SEEN = {"away from the satellite": "down or sideways", "toward the satellite": "up or sideways"}


def direction(component: str, rate_mm_yr: float) -> str:
    """'sinking', 'toward the satellite': the direction of a measurement."""
    return WORDS[component][rate_mm_yr > 0]


def moved(component: str, rate_mm_yr: float) -> str:
    """'sank', 'moved toward the satellite': the same, in the past."""
    way = direction(component, rate_mm_yr)
    return {"sinking": "sank", "rising": "rose"}.get(way) or f"moved {way.removeprefix('moving ')}"


def moved_plainly(component: str, rate_mm_yr: float) -> str:
    """The same, and what a line of sight leaves open: 'moved away from the satellite (down or sideways)'."""
    seen = SEEN.get(direction(component, rate_mm_yr))
    return f"{moved(component, rate_mm_yr)} ({seen})" if seen else moved(component, rate_mm_yr)


def colour_caption(component: str, stretch_mm_yr: int) -> str:
    """What the colours of a small map mean."""
    negative, positive = WORDS[component]
    return f"Brown: {negative}. Grey: still. Blue: {positive}. Full colour at {stretch_mm_yr} mm a year."
