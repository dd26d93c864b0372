"""Coherence of two detected images, and its change relative to earlier pairs."""

import re

NETWORK, SICA, MIX = "residual-unet", "sica-residual-unet", "linear-mix"
VERSIONS = {
    NETWORK: "10",
    SICA: "3",
    MIX: "2",
    "guarnieri-prati": "3",
    "pearson": "3",
    "posterior-mean": "3",
}  # raise with the numbers
METHODS = (*VERSIONS,)
WITH_WINDOW = (NETWORK, MIX)  # networks to which the window is an input
WINDOW_PX = 9  # of the classical methods
SAMPLE_WINDOW = (5, 5)  # rows, columns, px: default window of networks; the only one of SICA
SLACK_PX = 8  # grids of one product cut twice differ by a few pixels
WIDEST_PX = 31  # largest side of a window, px


def window_of(text: str) -> tuple[int, int]:
    """Read a window, rows x columns in px, from text such as 3x11. ValueError if the text is no window."""
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    sides = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(side % 2 and 1 <= side <= WIDEST_PX for side in sides) or max(sides) < 3:
        raise ValueError(f"{text!r} is no window: give two odd numbers from 1 to {WIDEST_PX}, not 1x1, such as 3x11")
    return sides
