"""Refusals: what is wrong and what to do, in words for users; messages of readers in the words of a page."""

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


class Refusal(ValueError):
    """What somebody wants and cannot have: what is wrong, and what to do (empty where the first line says it)."""

    status = 400

    def __init__(self, error: str, remedy: str = "") -> None:
        super().__init__(error)
        self.error, self.remedy = error, remedy


class Missing(Refusal):
    """What somebody asks for and is not there."""

    status = 404


def plain_words(line: str, where: str) -> str:
    """A line for the command line in the words of a page. where: at which place one says more."""
    return re.sub(
        r"\b(?:Add|Give|Use|Leave|Declare) --(\w+)(?: out)?[^.;]*",
        lambda match: f"{OPTION_WORDS.get(match[1], 'Add what is missing')} {where}",
        line.replace(" (None)", "").replace("with --mapping", "with a column list"),
    )
