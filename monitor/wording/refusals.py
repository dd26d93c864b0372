"""Messages of readers, written for a command line, in the words of a page."""

import re

OPTION_WORDS = {
    "unit": "Choose its unit",
    "positive": "Choose which way a positive value moves",
    "mapping": "Send a column list",
    "format": "Choose its format",
    "track": "Type its track",
    "period": "Enter the period that its velocities cover",
    "scale": "Choose what the values of the image are",
    "polarisation": "Choose its polarisation",
    "acquired": "Say when it was taken",
    "platform": "Type the satellite",
    "direction": "Choose which way the satellite flew",
}


def plain_words(line: str, where: str) -> str:
    """A line for the command line in the words of a page. where: at which place one says more."""
    return re.sub(
        r"\b(?:Add|Give|Use|Leave|Declare) --(\w+)(?: out)?[^.;]*",
        lambda found: f"{OPTION_WORDS.get(found[1], 'Say more about it')} {where}",
        line.replace(" (None)", "").replace("with --mapping", "with a column list"),
    )
