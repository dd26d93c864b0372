"""Check what a text says of an alert against its figures, alike on every surface and in every language."""

import html
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from django.utils.formats import get_format
from django.utils.translation import gettext, ngettext, override

from detection.models import Alert
from detection.rules.motion import Figure, stated
from detection.rules.passes import passes_of
from monitor.wording.cards.cards import AlertCard
from monitor.wording.components import WAYS
from monitor.wording.dates import month_name
from monitor.wording.families.velocity import PARTS
from monitor.wording.figures import figure, round_figure, unclear_sentence

TEMPLATES = (
    *("rate", "moved", "has_moved", "since_then", "now", "fastest", "moved_short", "has_moved_short"),
    *("point", "line"),
)
NUMBER = r"(?P<number>\d[\d.,\u202f\u00a0 ]*)"
WITH_MARGIN = re.compile(r"\d[\d.,]* ± \d[\d.,]*")
ALL_WAYS = {way for pair in WAYS.values() for way in pair}
AVERAGES = (
    "On average over this area, it was %(rate)s in the same time.",
    "It is one of %(n)s such places; on average over this area, it was %(rate)s in the same time.",
)
STILL_UNCLEAR = "Whether it still moves is not clear: %(rate)s %(when)s."
SINCE_UNCLEAR = "Since then it is not clear whether it moves: %(rate)s."
UNTRUE = r"\bmoved by (about )?\d|\bworth (more |less )?(than )?\d|days to weeks old|likely( cause:)? rising ground"
ROUNDED = 0.5  # Two rounded figures may differ by this much in the wrong direction, mm a year.
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
            for way in ALL_WAYS if not told.headline.is_motion else ():
                if f"{way.arrow} {figure(told.headline.value)}" in text:
                    yield f"an arrow before {figure(told.headline.value)}"
        yield from claims_of(text)
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


def claims_of(text: str) -> Iterator[str]:
    """Yield what a text in the present language claims and its own figures do not bear."""
    fastest = [number for way in ALL_WAYS for number in _numbers_said(way.fastest, text)]
    whole = [number for n in (1, 2) for number in _numbers_said(ngettext(*AVERAGES, n), text)]
    if fastest and whole and max(fastest) < max(whole) - ROUNDED:
        yield f"the fastest part, {fastest}, is slower than the whole, {whole}"
    doubts = (unclear_sentence("|", "|"), gettext(STILL_UNCLEAR), gettext(SINCE_UNCLEAR))
    if fastest and any(re.split(r"[|%:]", doubt)[0] in text for doubt in doubts):
        yield f"not clear, and a part of it that surely moved: {fastest}"
    if untrue := re.search(UNTRUE, text):
        yield f"no direction, no age, no cause or a rate that is none: {untrue[0]}"


def dates_after(alert: Alert, text: str) -> Iterator[str]:
    """Yield the months that a text on an alert's motion, in the present language, names after its last measurement."""
    seen = passes_of(alert)
    last = max(alert.last_motion, seen.until if seen else date.min)
    for found in re.finditer(rf"({'|'.join(_months())})[a-z ]* (\d{{4}})", text):
        if date(int(found[2]), _months()[found[1]], 1) > last:
            yield f"a date after the last measurement, {last}: {found[0]}"


def _months() -> dict[str, int]:
    return {month_name(number): number for number in range(1, 13)}


def _numbers_said(template: Any, text: str) -> list[float]:
    """Return the numbers that a text in the present language gives where a template has its rate."""
    parts = re.split(r"(%\(\w+\)s)", str(template))
    gap = f"[^.]{{0,{LABEL_WITHIN}}}?"
    pattern = re.compile(
        "".join(f"{NUMBER}{gap}" if part == "%(rate)s" else gap if "%(" in part else re.escape(part) for part in parts)
    )
    separator = get_format("DECIMAL_SEPARATOR")
    digits = (re.sub(rf"[^\d{separator}]", "", found["number"]).strip(separator) for found in pattern.finditer(text))
    return [float(number.replace(separator, ".")) for number in digits]


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
    for words in {str(getattr(way, name)) for way in ALL_WAYS for name in TEMPLATES}:
        before, rate, after = words.partition("%(rate)s")
        if rate:
            before, after = re.split(r"%\(\w+\)s", before)[-1], re.split(r"%\(\w+\)s", after)[0]
            between = f".{{0,{LABEL_WITHIN}}}?" if before.strip() else "[^():;]{0,20}?"
            yield re.compile(f"{re.escape(before)}{NUMBER}{between}{re.escape(after)}")
