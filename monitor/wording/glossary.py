"""Words of the field in plain words, for the page that explains them and for hints on others."""

import re
from typing import NamedTuple


class Term(NamedTuple):
    """One word with its meaning in a sentence or two."""

    name: str
    meaning: str

    @property
    def slug(self) -> str:
        return "-".join(re.findall("[a-z0-9]+", self.name.lower()))


GLOSSARY = (
    Term("Alert", "A place that stands out, with a code and an address of its own from the first sight to its end."),
    Term("Amplitude image", "What a radar image looks like: how strongly each spot of the ground reflects."),
    Term(
        "Ascending, descending",
        "The two directions in which a satellite passes: toward the north, looking roughly east; toward the south, "
        "looking roughly west.",
    ),
    Term(
        "Coherence",
        "How alike two radar images are at a spot, from 0 to 1. It drops where the surface changes: by building work, "
        "ploughing, snow or a landslide.",
    ),
    Term("Displacement", "How far a point has moved since the first date, in millimetres."),
    Term(
        "InSAR",
        "Interferometric synthetic-aperture radar: the comparison of radar images of different days, which shows "
        "changes of distance to a few millimetres.",
    ),
    Term(
        "Line of sight",
        "The slanted line between satellite and ground. One track measures motion along it only: toward the satellite "
        "or away from it.",
    ),
    Term("Measurement point", "A spot that reflects radar steadily, with a speed and often a history of motion."),
    Term("Millimetres a year", "How fast a point moves: 10 mm a year are one centimetre a year."),
    Term("Offset", "How far a spot has moved between two images, in pixels: for ice and slides that move by metres."),
    Term(
        "Probably 12 to 16",
        "The range in which the true figure lies in nine of ten such places.",
    ),
    Term("Reference", "The ground that a data set takes to be still. All other motion is measured against it."),
    Term("Temporal baseline", "The time between two radar images."),
    Term(
        "Tilt",
        "How much more one end of a stretch of ground sinks than the other. It strains walls; even sinking does not.",
    ),
    Term("Track", "The strip of ground that a satellite sees on one of its repeated orbits."),
    Term(
        "Unwrapping error",
        "A step in a history of motion by half a wavelength, about 28 mm, which is a fault of the processing.",
    ),
)
BY_NAME = {term.name.lower(): term for term in GLOSSARY}
