"""Administrative regions in words: what they are, and how many places move in them."""

from datetime import date

from monitor.wording.dates import day_words

LEVELS = {0: "country", 1: "province or state", 2: "district"}


def level_label(level: int) -> str:
    """'country', 'province or state'; 'smaller unit' below districts."""
    return LEVELS.get(level, "smaller unit")


def moving_sentence(name: str, n_moving: int, n_unreviewed: int, is_measured: bool) -> str:
    """How many places move, and how sure that is; what nothing found means."""
    if n_moving:
        who = "Nobody has checked" if n_unreviewed == n_moving else f"Nobody has checked {n_unreviewed} of"
        sure = f" {who} them yet." if n_unreviewed else " Specialists have checked all of them."
        if n_moving == 1:
            sure = " Nobody has checked it yet." if n_unreviewed else " A specialist has checked it."
        return f"The ground moves at {_places(n_moving)} in {name}.{sure}"
    if is_measured:
        return (
            f"No place where the ground moves is known in {name}. That does not mean that it is still everywhere: "
            "slow motion, small places and ground without measurements are not seen."
        )
    return f"No measurements of {name} are loaded here, so nothing is known of how its ground moves."


def year_sentence(year: int, n_found: int, n_finished: int) -> str:
    """'In 2026, 3 places were found and 1 came to rest.'"""
    found = f"{n_found or 'no'} {'place was' if n_found == 1 else 'places were'} found"
    return f"In {year}, {found} and {n_finished or 'none'} came to rest."


def looks_sentence(n_products: int, last_measured: date | None, last_image: date | None) -> str:
    """When the region was last measured, and from how many velocity fields; empty where it never was."""
    parts = []
    if last_measured:
        fields = f"{n_products} velocity field{'' if n_products == 1 else 's'}"
        parts.append(f"The last measurement here is of {day_words(last_measured)}, in {fields}.")
    if last_image:
        parts.append(f"The last radar image is of {day_words(last_image)}.")
    return " ".join(parts)


def _places(n: int) -> str:
    return "one place" if n == 1 else f"{n:,} places"
