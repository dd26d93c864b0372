"""Every sentence about an alert consists of whole translated pieces: in a made-up language, nothing else is left."""

from datetime import date
from itertools import product

import pytest
from django.utils import translation

from detection.kinds import KINDS, Kind
from detection.rules.lifecycle import TAKEN_BACK, State
from detection.rules.motion import Figure
from detection.rules.severity import Severity
from detection.rules.verdicts import REASONS
from ground_motion.methods.deformation.motion.series import Trend
from ground_motion.statistics.comparison import Verdict
from lab.samples import sentences as samples
from monitor.pages.alerts.evidence import _answer, _counted, agreement_sentence
from monitor.wording.components import WAYS, both_directions, colour_caption, component_label
from monitor.wording.dates import duration_words, two_days
from monitor.wording.exposure import exposure_rows, exposure_sentence
from monitor.wording.families import voice
from monitor.wording.families.changes import change_rows
from monitor.wording.figures import area_label, length_words, rate_words, speed_words
from monitor.wording.glossary import GLOSSARY
from monitor.wording.places import toward
from monitor.wording.points import (
    VerdictShare,
    agreement_sentences,
    point_sentence,
    reason_sentences,
    since_sentence,
    tilt_sentence,
)
from monitor.wording.states import PROPOSE_FORM, STATE_LABELS, VERDICT_FORMS, VERDICT_HEADINGS, in_language, step_reason
from monitor.wording.surroundings import JUDGED, because_sentences
from tests.fixtures.language import left_over
from tests.service.monitor.wording.families.test_voices import figures, motion, source, velocity

NAMES = ("EGMS", "mm", "ascending")
pytestmark = pytest.mark.usefixtures("made_up_language")
PERIOD = date(2020, 1, 3), date(2024, 12, 25)


def whole(*texts: object) -> bool:
    """Whether all are translated pieces, figures and names only, without space around them."""
    said = [*map(str, texts)]
    return all("⟦" in one and not left_over(one, NAMES) and one[:2] != "⟦ " and one[-2:] != " ⟧" for one in said)


def test_the_made_up_language_finds_a_glued_fragment():
    translated = translation.gettext("The ground here %(moved)s.")
    assert not whole(translated % {"moved": "sank"})
    assert whole(translated % {"moved": 8})
    assert not whole("The ground here sank.")


@pytest.mark.parametrize("part", ["samples", "_season", "_ground", "_updates"])
def test_every_kind_of_sentence(part):
    rows = samples._said(samples.samples()) if part == "samples" else getattr(samples, part)()
    assert [text for _, text in rows if not whole(text)] == []


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_in_every_state_has_words(kind):
    own, alert, row = voice(kind), figures(kind, peak_rate_mm_yr=-40.0), KINDS[kind]
    finding = own.finding(alert, source(kind))
    texts = [row.label, row.short, row.meaning, own.label(alert), own.sentence(alert), own.ended]
    texts += [finding.figure, finding.direction, *own.evidence[:5]]
    texts += [text for grade in Severity for text in own.severity(grade)]
    limits = own.limits(alert, [source(kind, posting_m=155.0, n_dates=13)])
    assert whole(*texts, *limits)
    assert len(limits) > 1
    assert set(map(str, row.limits)) <= set(limits)
    general = own.advice(kind, State.REJECTED)
    for state in State:
        advice = own.advice(kind, state)
        assert whole(*STATE_LABELS[state], *advice)
        assert len(advice) > (state in (State.FIRST, State.PROVISIONAL))  # more than the hint that nobody checked it
        assert (advice == general) == (state in TAKEN_BACK)
        assert set(map(str, row.advice)) <= set(advice) or state in TAKEN_BACK


@pytest.mark.parametrize(("component", "trend", "sign"), list(product(WAYS, Trend, (-1.0, 1.0))))
def test_every_way_of_moving_and_changing(component, trend, sign):
    changed = motion(trend, 9.0 * sign, 6.0 * sign, sigma_days=60.0)
    alert = velocity(Kind.UNKNOWN, component, 6.0 * sign, 12.0 * sign, motion=changed)
    own = voice(alert.kind)
    days = {"day": "2023-03-09", "first": "2023-02-01", "last": "2023-04-01", "sigma": 0.5}
    changes = [{"kind": kind, "size": sign * 7.0, **days} for kind in ("rate", "curve", "step", "unwrapping")]
    assert whole(own.sentence(alert), own.label(alert), own.brief(alert), own.trend(alert))
    assert whole(*(text for row in change_rows(component, {"changes": changes}) for text in row.values() if text))
    assert whole(*(point_sentence(Figure(rate * sign, 0.5, *PERIOD, along=component)) for rate in (6.0, 1.0)))
    assert whole(component_label(component), *both_directions(component), colour_caption(component, 10))


@pytest.mark.parametrize(
    ("extent", "reference", "share"), list(product(("local", "region"), ("gnss", "local"), (0.5, 0.97)))
)
def test_regions_and_causes(extent, reference, share):
    shares = {"mining_subsidence": share, "landslide": 0.3}
    for kind in (Kind.MINING, Kind.UNKNOWN, Kind.SUBSIDENCE):
        alert = figures(kind, extent=extent, reference=reference, class_shares=shares)
        own = voice(kind)
        assert whole(own.sentence(alert), own.label(alert), own.cause(alert), *own.causes(alert))
        assert whole(*own.limits(alert, [source(kind)]))
        assert extent == "local" or whole(own.region_note(alert))


def test_the_points_behind_an_alert():
    reason = {"product": "EGMS", "track": "ascending", "component": "los", "seen": True, "n_points": 1200}
    reason |= {"rate_mm_yr": -6.1, "n_around": 800, "around_mm_yr": 0.3, "scatter_mm_yr": 0.9, "beyond": 0.74}
    reason |= {"jump_share": 0.9, "jump_mm": -27.2, "jump_date": "2022-05-31", "jump_cycles": 1, "odd_even_mm_yr": 0.34}
    for changes in ({}, {"around_mm_yr": 0.0}, {"around_mm_yr": None}, {"n_points": 1, "jump_cycles": 0}):
        assert whole(*reason_sentences("los", reason | changes))
    for seen in ((True, True), (True, False), (False, False), (True, True, False)):
        assert whole(*agreement_sentences([reason | {"seen": one} for one in seen]))
        assert whole(agreement_sentence(sum(seen), len(seen)), _counted(sum(seen), len(seen)))
    assert whole(*(_answer(score, share) for score in (0.05, 0.5, 1.0) for share in (0.0, 0.5)))
    tilt = {"tilt_mm_m_yr": 0.04, "tilt_low_mm_m_yr": 0.03, "tilt_high_mm_m_yr": 0.06}
    assert whole(tilt_sentence(tilt), tilt_sentence(tilt | {"tilt_mm_m_yr": 0.001}))
    for verdict in Verdict:
        shares = {verdict: VerdictShare(0.4, 6.0, 1.5)}
        assert whole(*(since_sentence(release, shares) for release in ("", "2019_2023_1")))


@pytest.mark.parametrize(
    "known", list(product((None, 0, 1, 1234), (None, 0.0, 0.35), (None, 0.0, 12.3), (None, 0.0, 1.0)))
)
def test_what_stands_on_the_ground(known):
    buildings, road, railway, people = known
    sentence = exposure_sentence(buildings, road, railway, people)
    assert whole(sentence) or not sentence
    rows = exposure_rows(buildings, road, 0.4, railway, people)
    assert whole(*(name for name, _ in rows))
    assert not any(left_over(words, NAMES) for _, words in rows)


def test_facts_about_the_surroundings_and_what_they_speak_for():
    factors = {"mining_subsidence": 2.0, "fill_or_quarry": 1.5, "landslide": 0.5, "other": 0.7}
    facts = ("mine", "no mine", "landslide", "slope", "ice", "line", "tunnel")
    for fact, value, detail in product(facts, (0.0, 800.0), ("", "active", "closed")):
        term = {"fact": fact, "value": value, "factors": factors, "detail": detail}
        for elongation in (1.0, 2.0, 4.0):
            assert whole(*because_sentences(600.0, elongation, [term], {"landslide"}), JUDGED)


def test_reasons_that_rows_keep_in_english():
    kept = ["moves again: seen in {}", "seen again in {}", "seen in {}", "two tracks show it in {}", "changed in {}"]
    kept += ["split from alert K3: apart in {}", "no motion after 2 March 2024 in {}"]
    kept += ["no change of the surface after 2 March 2024 in {}", "no surge after 2 March 2024 in {}"]
    ended = "; a specialist had confirmed the motion, its end is the computer's finding"
    texts = [
        step_reason(one.format(name) + more)
        for one in kept
        for name in ("EGMS", "the newest data")
        for more in ("", ended)
    ]
    assert whole(*(text.replace("K3", "3") for text in texts))
    assert whole(step_reason("the verdict was taken back"), step_reason("part of alert 7 in the newest run"))
    assert whole(*(in_language(text) for reasons in REASONS.values() for one in reasons.values() for text in one))


def test_labels_and_figures():
    assert whole(*(text for pair in STATE_LABELS.values() for text in pair), *VERDICT_HEADINGS.values())
    assert whole(
        *(text for form in (*VERDICT_FORMS.values(), PROPOSE_FORM) for name, text in form.items() if name != "key")
    )
    assert whole(*(text for term in GLOSSARY for text in (term.name, term.meaning)))
    assert whole(*map(toward, range(0, 360, 45)))
    assert whole(area_label(1e4), area_label(2e7), length_words(0.3), length_words(40.0), speed_words(0.4, 0.1))
    assert whole(rate_words(5.0, None), rate_words(5.0, 3.2), rate_words(5.0, 0.2), two_days(*PERIOD))
    assert whole(*(duration_words(seconds) for seconds in (1, 100, 1e4, 1e6)))
