"""Figures and words agree: label, headline and short sentence of an alert name one figure, direction and time."""

import re

import pytest

from detection.kinds import Family, family
from lab.samples.sentences import samples
from monitor.wording.families import voice_of

SAMPLES = samples()
MAX_WORDS = 20
PERIOD = re.compile(r"\b(between|since|until|in|in the same time|on)\b")
RATE = re.compile(r"([\d.,]+) (?:mm|metres|centimetres|m) a (?:year|day)")


def each(alerts):
    return pytest.mark.parametrize("alert", [one for _, one in alerts], ids=[about for about, _ in alerts])


MOVING = [(about, one) for about, one in SAMPLES if one.is_measured and family(one.kind) is Family.VELOCITY]


@each(SAMPLES)
def test_the_short_sentence_is_one_sentence_of_at_most_twenty_words_with_a_time(alert):
    brief = voice_of(alert).brief(alert)
    assert len(re.split(r"(?<=\.) (?=[A-Z])", brief)) == 1
    assert len(brief.split()) <= MAX_WORDS
    assert PERIOD.search(brief)


@each(SAMPLES)
def test_the_headline_is_the_figure_of_the_short_sentence_and_of_the_label(alert):
    own = voice_of(alert)
    headline = own.headline(alert)
    if headline is None:
        assert not alert.is_measured
        return
    assert headline.when
    assert all(rate == headline.number for rate in RATE.findall(own.brief(alert)))
    if family(alert.kind) is Family.VELOCITY and "at rest" not in own.label(alert):
        assert re.search(rf"\b{re.escape(headline.number)}( ± [\d.]+)? mm/year", own.label(alert))


@each(MOVING)
def test_every_sentence_with_a_rate_has_its_time_and_one_reference(alert):
    for sentence in re.split(r"(?<=\.) (?=[A-Z])", voice_of(alert).sentence(alert)):
        rates = RATE.findall(sentence)
        with_the_one_before = sentence.startswith(("That is", "Its motion differs", "Since then", "It has moved"))
        assert len(rates) <= 1
        assert not rates or with_the_one_before or PERIOD.search(sentence), sentence
        assert sentence.count("compared with") <= 1
