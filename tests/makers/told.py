"""Check what a text says of an alert against its figures, alike on every surface and in every language."""

import html
import re
from collections.abc import Iterator

from django.utils.translation import gettext, override

from detection.models import Alert
from detection.rules.motion import Figure, stated
from monitor.wording.cards.cards import AlertCard
from monitor.wording.components import WAYS, Way
from monitor.wording.families.velocity import PARTS
from monitor.wording.figures import figure, round_figure

TEMPLATES = (
    *("rate", "moved", "has_moved", "since_then", "now", "fastest", "moved_short", "has_moved_short"),
    *("point", "line"),
)
NUMBER = r"(?P<number>\d[\d.,\u202f\u00a0 ]*)"
WITH_MARGIN = re.compile(r"\d[\d.,]* ± \d[\d.,]*")
LABEL_WITHIN = 60  # letters between a figure and what says which one it is


def plain(page: str) -> str:
    """Return the words of a page, without tags and addresses, in one line."""
    body = re.sub(r"(?s)<(script|style|svg)\b.*?</\1>", " ", page)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def faults_of(alert: Alert, card: AlertCard, text: str, language: str, own: bool = True) -> Iterator[str]:
    """Yield what a text in a language wrongly says of an alert's figures. own: whether all figures are the alert's."""
    told = stated(alert)
    with override(language):
        if told is not None:
            unsure = [one for one in told.figures if not one.is_motion]
            sure = {words for one in told.figures if one.is_motion for words in numbers_of(one)}
            yield from told_as_motion({words for one in unsure for words in numbers_of(one)} - sure, text)
            for way in {way for pair in WAYS.values() for way in pair} if not told.headline.is_motion else ():
                if f"{way.arrow} {figure(told.headline.value)}" in text:
                    yield f"an arrow before {figure(told.headline.value)}"
        parts = [str(part) for part in PARTS.values()]
        for found in WITH_MARGIN.finditer(text):
            after = text[found.end() : found.end() + LABEL_WITHIN]
            if own and card.headline and not any(part in after for part in parts):
                yield f"a figure without its part: {found[0]}{after}"
        against = gettext("Evidence against: %(causes)s.").partition("%")[0]
        named = {str(words).split(" (")[0] for words, _share in card.voice.cause_shares(alert)}
        for said in re.findall(rf"{re.escape(against)}([^.]*)\.", text):
            if contrary := named & set(said.split(", ")):
                yield f"likely, and evidence against it: {contrary}"


def told_as_motion(numbers: set[str], text: str) -> Iterator[str]:
    """Yield where a text in the present language tells one of these numbers as motion."""
    for template in _motion_templates():
        for found in template.finditer(text):
            if found["number"].strip().rstrip(".,") in numbers:
                yield f"no sure motion told as motion: {found[0]}"


def numbers_of(one: Figure) -> set[str]:
    return {figure(one.value), round_figure(one.value)} - {"0", "0.0", "0,0"}


def _motion_templates() -> Iterator[re.Pattern[str]]:
    """Yield what the language says of motion, with its number."""
    ways: set[Way] = {way for pair in WAYS.values() for way in pair}
    for words in {str(getattr(way, name)) for way in ways for name in TEMPLATES}:
        before, rate, after = words.partition("%(rate)s")
        if rate:
            before, after = re.split(r"%\(\w+\)s", before)[-1], re.split(r"%\(\w+\)s", after)[0]
            between = f".{{0,{LABEL_WITHIN}}}?" if before.strip() else "[^():;]{0,20}?"
            yield re.compile(f"{re.escape(before)}{NUMBER}{between}{re.escape(after)}")
