"""Alerts of every family, kind, age and size are drawn; in every language, what is said of them follows from figures.

`tests.makers.told` has the claims. The same check reads pages, mails and answers in `test_figures_agree`.
"""

import re
from copy import copy
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils.translation import override
from hypothesis import HealthCheck, example, given
from hypothesis import settings as drawing
from hypothesis import strategies as some

from detection.figures import FIGURES, figures_known
from detection.kinds import FAMILIES, Family, Kind, Sign, family, row_of
from detection.models import Alert
from detection.rules.importance import STRONG_STEPS, importance, severity
from detection.rules.lifecycle import as_json
from detection.rules.motion import Part, compared, count_fast_places, stated
from detection.rules.passes import Passes
from detection.rules.severity import Severity
from detection.rules.updates import Cause, Change
from ground_motion.methods.deformation.motion.series import Trend
from ground_motion.rasters.areas import KINDS as NETWORK_CLASSES
from lab.samples import alerts as made
from lab.samples.sentences import FAST
from monitor.models.messages import CapMessage
from monitor.open_data.cap.services import is_actual, note
from monitor.wording.cards.cards import why_words
from monitor.wording.cards.lines import BreakWords, verdict_sentence
from monitor.wording.families import voice_of
from monitor.wording.families.velocity import PARTS
from monitor.wording.updates import change_sentences
from tests.makers.told import claims_of, dates_after, numbers_of, told_as_motion

LANGUAGES = [code for code, _name in settings.LANGUAGES]
RATE = some.floats(0.2, 300.0).map(lambda rate: round(rate, 2))
SINCE, UNTIL = some.dates(date(2014, 10, 1), date(2021, 12, 31)), some.dates(date(2022, 3, 1), date(2026, 11, 1))
SHARES = some.dictionaries(some.sampled_from(NETWORK_CLASSES), some.floats(0.0, 1.0), max_size=3)


def often(draw: Any) -> bool:
    return bool(draw(some.integers(0, 3)))


@some.composite
def velocities(draw: Any) -> Alert:
    kind = draw(some.sampled_from((*FAMILIES[Family.VELOCITY], Kind.UNKNOWN, Kind.UPLIFT)))
    component = draw(some.sampled_from(("los", "los", "up", *(() if row_of(kind).sign else ("east", "north")))))
    sign = {Sign.RISING: 1.0, Sign.SINKING: -1.0, None: draw(some.sampled_from((-1.0, 1.0)))}[row_of(kind).sign]
    fast, share = sign * draw(RATE), draw(some.sampled_from((None, 0.02, 0.1, 0.8)))
    sigma = share and round(share * abs(fast), 3)
    first, last = draw(SINCE), draw(UNTIL)
    values: dict[str, Any] = {"first_motion": first, "last_motion": last, "class_shares": draw(SHARES)}
    trend = draw(some.sampled_from((None, *Trend)))
    rate = fast * draw(some.floats(0.3, 1.0)) if trend else fast
    values["peak_rate_mm_yr"] = peak = draw(some.floats(0.8, 6.0)) * rate
    if often(draw):
        half = draw(some.sampled_from((0.02, 0.1, 0.3, 1.2))) * abs(peak)
        low, high = sign * max(abs(peak) - half, 0.0), sign * (abs(peak) + half)
        values |= {"peak_low_mm_yr": low, "peak_high_mm_yr": high}
        values["n_fast_places"] = count_fast_places([{"peak_low_mm_yr": low}], rate)
    if often(draw):
        values |= {"around_mm_yr": draw(some.floats(-30.0, 30.0)), "around_sigma_mm_yr": draw(some.floats(0.2, 5.0))}
        values |= {"datum_sigma_mm_yr": draw(some.floats(0.0, 3.0)), "n_views": draw(some.integers(1, 2))}
    if not often(draw):
        values |= {"extent": "region", "reference": draw(some.sampled_from(("gnss", "local", "datum")))}
    if component == "los" and not often(draw):
        seen = Passes(1, last, last + timedelta(60), rate, 2 * rate, 1.0, draw(some.booleans()), rate)
        values["passes"] = as_json(seen)
    if trend is None:
        return made.velocity(kind, component, rate, sigma, **values)
    slow = fast * draw(some.floats(0.0, 0.7))
    before, now = {
        Trend.SLOWER: (fast, slow),
        Trend.SLOWING: (fast, slow),
        Trend.AT_REST: (fast, draw(some.floats(-0.5, 0.5))),
        Trend.REVERSED: (fast, -slow),
    }.get(trend, (slow, fast))
    sigma_now = draw(some.sampled_from((0.05, 0.3, 1.0, 5.0)))
    alert = made.changing(trend, before, now, draw(some.floats(5.0, 200.0)), sigma_now, **values)
    alert.kind, alert.component, alert.rate_sigma_mm_yr = kind, component, sigma
    alert.rate_mm_yr, alert.motion.changed_on = rate, draw(some.dates(first, last))
    return alert


@some.composite
def pairs(draw: Any) -> Alert:
    kind = draw(some.sampled_from((*FAMILIES[Family.OFFSETS], *FAMILIES[Family.SURFACE])))
    if draw(some.booleans()):
        return made.drawn(kind)
    if family(kind) is Family.SURFACE:
        before = draw(some.floats(0.3, 1.0))
        return made.surface(before, before * draw(some.floats(0.0, 0.8)), draw(some.floats(3.5, 20.0)))
    speed = draw(some.floats(0.05, 20.0))
    return made.moving(kind, speed, 0.1 * speed, usual=draw(some.floats(0.001, 0.4)))


def _alone(alert: Alert) -> Alert:
    """Return the same alert on ground that stands still."""
    alone = copy(alert)
    alone.around_mm_yr = None
    return alone


def _faults(alert: Alert) -> list[str]:
    """Return what the texts about an alert, in the present language, claim without its figures."""
    own, told = voice_of(alert), stated(alert)
    headline, grade = own.headline(alert), severity(alert, terms := importance(alert))
    why, line = why_words(alert, terms), headline.line if headline else ""
    texts = [own.label(alert), line, own.brief(alert), own.sentence(alert), own.cause(alert), note(alert)]
    changed = Change(Cause.RATE, alert.rate_mm_yr, alert.peak_rate_mm_yr, "mm/yr", alert.component)
    if told and told.whole.unit == "mm/yr":
        texts += change_sentences(alert.kind, [changed._asdict()], alert.last_motion)
    said = (*texts, why, *own.causes(alert))
    faults = [f"{text} | {fault}" for text in said for fault in (*claims_of(text), *dates_after(alert, text))]
    if headline and family(alert.kind) is Family.SURFACE and headline.arrow:
        faults.append(f"{line} | an arrow where nothing moved down")
    if re.search(r"\d", why) and family(alert.kind) is not Family.SURFACE:
        faults.append(f"{why} | a rate that nobody measured")
    if told is None or told.whole.unit != "mm/yr":
        return faults
    unsure = {words for one in told.figures if not one.is_motion for words in numbers_of(one)}
    sure = {words for one in told.figures if one.is_motion for words in numbers_of(one)}
    faults += [f"{text} | {fault}" for text in texts[:4] for fault in told_as_motion(unsure - sure, text)]
    if told.shift_mm_yr and told.whole.value != pytest.approx(compared(alert).whole.value + alert.around_mm_yr):
        faults.append(f"{line} | the motion of the ground around is lost")
    if told.around and not told.shift_mm_yr and texts[0] == own.label(_alone(alert)):
        faults.append(f"{texts[0]} | the ground around moves, and nothing says that this is compared with it")
    beside_fastest = headline.beside and str(PARTS[Part.FASTEST]) in headline.beside
    if beside_fastest and abs(told.fastest.value) < abs(told.headline.value):
        faults.append(f"{line} | a part slower than the whole")
    if told.fastest and abs(told.fastest.value) < abs(told.whole.value):
        faults.append(f"{told.fastest} is slower than {told.whole}")
    if terms.motion >= STRONG_STEPS and not terms.standing and not terms.judgement and grade == Severity.MINOR:
        faults.append(f"{grade} | fast, and of low importance")
    return faults


def _check(alert: Alert) -> None:
    for language in LANGUAGES:
        with override(language):
            faults = _faults(alert)
            assert not faults, f"{language}: " + "\n".join(faults)
    old = CapMessage(alert=alert, sent_at=datetime.combine(alert.last_motion + timedelta(2000), time(), UTC))
    fresh = CapMessage(alert=alert, sent_at=datetime.combine(alert.last_motion + timedelta(20), time(), UTC))
    assert (is_actual(old), is_actual(fresh)) == (False, True)
    assert f"{alert.last_motion.year}" in note(alert) or not alert.is_measured
    assert set(figures_known(alert)) <= {row.name for row in FIGURES}


def _numbered(alert: Alert, area_m2: float) -> Alert:
    alert.area_m2 = area_m2
    alert.pk = 1  # A failing alert is shown by its number, and nothing about it is looked up.
    alert._state.fields_cache.setdefault("motion", None)
    return alert


ALERTS = some.builds(_numbered, some.one_of(velocities(), velocities(), velocities(), pairs()), some.floats(1e3, 1e10))
QUICKLY = {"suppress_health_check": [HealthCheck.too_slow], "derandomize": True}


# Some that are rarely drawn: the fastest part of five years below the whole of today, one seen from one side only,
# and ground at rest of which it is not clear that it ever moved.
LATELY = made.changing(Trend.FASTER, -3.0, -53.0, n_fast_places=1, **FAST | {"peak_rate_mm_yr": -52.0})
LATELY.rate_mm_yr = -20.0
STILL = made.changing(Trend.AT_REST, -1.0, 0.3, sigma=0.05, peak_rate_mm_yr=-2.0)
STILL.rate_sigma_mm_yr = 0.1
SIDEWAYS = made.velocity(Kind.UNKNOWN, "los", -9.0, n_fast_places=1, **FAST)


@given(ALERTS)
@example(_numbered(LATELY, 1e6))
@example(_numbered(SIDEWAYS, 1e6))
@example(_numbered(STILL, 1e6))
@drawing(max_examples=100, **QUICKLY)
def test_what_is_said_of_a_hundred_alerts_follows_from_their_figures(alert):
    _check(alert)


@pytest.mark.long
@given(ALERTS)
@drawing(max_examples=400, **QUICKLY)
def test_what_is_said_of_four_hundred_alerts_follows_from_their_figures(alert):
    _check(alert)


@given(some.lists(some.sampled_from([(True, True), (False, True), (False, False)]), max_size=4))
def test_the_verdict_on_a_line_is_that_of_its_table(limits):
    rows = [BreakWords("km 1", "+8 ± 3", "20", "0.5 ± 0.2", *one) for one in limits]
    said = verdict_sentence(sum(one.is_beyond for one in rows), rows)
    assert ("no step" in said) == (not any(one.may_be_beyond for one in rows))
    assert ("surely" in said) == (any(one.may_be_beyond for one in rows) and not any(one.is_beyond for one in rows))


@pytest.mark.parametrize(
    "said",
    [
        "The fastest part sank by about 52 mm a year (probably 43 to 61) between 2020 and 2024. On average over this "
        "area, it was 53 mm a year (probably 44 to 62) in the same time.",
        "New passes of the satellite, until 12 April 2025, show about 30 mm a year (sinking) since March 2024.",
        "Whether the ground here moves is not clear: 2 mm a year (± 4) in December 2024. The fastest part sank by "
        "about 12 mm a year (probably 10 to 14) between 2020 and 2024.",
        "Rank: worth 137 mm a year.",
        "The fastest part moved by about 50 mm a year between 2020 and 2024.",
        "Found in satellite measurements that are days to weeks old.",
        "Most likely cause: rising ground (more than 9 in 10).",
    ],
)
def test_the_check_finds_sentences_that_were_untrue(said):
    alert = made.velocity(Kind.SUBSIDENCE, "up", -9.0)
    assert [*claims_of(said), *dates_after(alert, said)]
