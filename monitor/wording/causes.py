"""What speaks for a cause, in words. Pure: facts of `ml.deformation.places.context` in, sentences out."""

from collections.abc import Mapping, Sequence
from typing import Any

from detection.kinds import KIND_OF_CLASS, KINDS
from monitor.wording.figures import length_words

ROUND, LONG = 1.5, 3.0
FLAT_DEG = 2.0
INSIDE_M = 1.0
OTHER_WORDS = "another cause"
JUDGED = "How much its surroundings count is judged, except the slope, which was counted on simulated ground."


def because_sentences(across_m: float, elongation: float, terms: Sequence[Mapping[str, Any]]) -> list[str]:
    """'It is round, 600 metres across.', then a sentence for each fact with what it speaks for and against."""
    shape = "round" if elongation < ROUND else "long and thin" if elongation >= LONG else "longer than wide"
    size = length_words(across_m / 1000)
    return [f"It is {shape}, about {size} across.", *(_sentence(**term) for term in terms)]


def _sentence(fact: str, value: float, factors: Mapping[str, float], detail: str) -> str:
    strongest = sorted(factors, key=lambda name: (-factors[name], name))
    speaks_for = [_words(name) for name in strongest if factors[name] > 1]
    against = [_words(name) for name in strongest if factors[name] < 1]
    parts = [f"speaks for {_listed(speaks_for)}"] if speaks_for else []
    parts += [f"speaks against {_listed(against)}"] if against else []
    return f"{_fact(fact, value, detail)}{': that ' if parts else ''}{', and '.join(parts)}."


def _fact(fact: str, value: float, detail: str) -> str:
    away = "inside" if value < INSIDE_M else f"{length_words(value / 1000)} from"
    listed = f" that is listed as {detail}" if detail else ""
    steep = "nearly flat ground" if value < FLAT_DEG else f"a slope of about {value:.0f}°"
    return {
        "mine": f"It lies {away} a known mine{listed}",
        "no mine": f"The nearest known mine is {length_words(value / 1000)} away",
        "landslide": "A landslide was reported "
        + ("here" if value < INSIDE_M else f"{length_words(value / 1000)} away"),
        "slope": f"It lies on {steep}",
        "ice": "It lies on a glacier",
        "line": "It follows a mapped road or railway",
        "tunnel": "It follows a mapped tunnel",
    }[fact]


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _words(name: str) -> str:
    return KINDS[KIND_OF_CLASS[name]].class_words if name in KIND_OF_CLASS else OTHER_WORDS
