"""The layers of points that the map can show."""

from typing import NamedTuple

from monitor.wording.components import WORDS


class Layer(NamedTuple):
    """component and direction select products; direction None takes every one."""

    name: str
    label: str
    component: str
    direction: str | None
    description: str
    technique: str = "insar"

    @property
    def negative_word(self) -> str:
        return WORDS[self.component][0]

    @property
    def positive_word(self) -> str:
        return WORDS[self.component][1]

    def as_dict(self) -> dict[str, str]:
        """For the page's configuration."""
        return {
            "name": self.name,
            "label": self.label,
            "description": self.description,
            "negative_word": self.negative_word,
            "positive_word": self.positive_word,
            "fast": self.technique == "tracking",
        }


LAYERS = (
    Layer(
        "los", "Line of sight, all tracks", "los", None, "How fast each point moves away from or toward the satellite."
    ),
    Layer(
        "ascending",
        "Line of sight, ascending",
        "los",
        "ascending",
        "Seen from the west, on passes from south to north.",
    ),
    Layer(
        "descending",
        "Line of sight, descending",
        "los",
        "descending",
        "Seen from the east, on passes from north to south.",
    ),
    Layer("vertical", "Up and down", "up", None, "Vertical motion, where two directions were combined."),
    Layer("east", "East and west", "east", None, "Sideways motion, where two directions were combined."),
    Layer(
        "tracked-east",
        "Ice and fast ground, east and west",
        "east",
        None,
        "Followed from image to image, in metres a year.",
        "tracking",
    ),
    Layer(
        "tracked-north",
        "Ice and fast ground, north and south",
        "north",
        None,
        "Followed from image to image, in metres a year.",
        "tracking",
    ),
)
BY_NAME = {layer.name: layer for layer in LAYERS}
