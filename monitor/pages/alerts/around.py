"""An alert's possible causes, buildings and roads, residents' reports, and history."""

from collections import Counter
from typing import Any, NamedTuple

from django.utils.translation import ngettext

from detection.models import Alert, GlacierMotion
from detection.rules.verdicts import Verdict
from detection.selectors import reviews_standing
from ingest.context.simulated_truth import truth_in, truth_is_loaded, truth_share
from ingest.models import SimulatedTruth
from monitor.pages.alerts.evidence import Summary
from monitor.pages.glaciers.views import glacier_link
from monitor.subscribers.organisations.escalations import Taken, alerts_taken
from monitor.subscribers.reports.selectors import NEAR_M, reports_near
from monitor.wording.cards.buildings import town_words
from monitor.wording.cards.cards import AlertCard, Exposure, exposure_block, related_rows, step_row
from monitor.wording.cards.whereabouts import surroundings, with_surroundings
from monitor.wording.dates import month_words
from monitor.wording.figures import percent, whole
from monitor.wording.states import VERDICT_HEADINGS, in_language


class Cause(NamedTuple):
    """Possible causes: sentences, and the share of each cause, 0-1, by its words."""

    sentences: list[str]
    shares: list[tuple[str, float]]


class Around(NamedTuple):
    """What stands on the ground of an alert, and what is known of the place, in sentences.

    missing: sentence for operators about layers that are not loaded; town: sentences on buildings; glaciers: links.
    """

    exposure: Exposure
    here: list[str]
    missing: str
    town: list[str]
    glaciers: list[dict[str, str]]


class History(NamedTuple):
    """Steps of an alert, the alerts that it was split from or merged with, who took it up, and verdicts in force."""

    steps: list[dict[str, Any]]
    related: list[dict[str, Any]]
    taken: list[Taken]
    reviews: list[dict[str, Any]]


class Truth(NamedTuple):
    """What was simulated where an alert is, and the share of its area that it fills, in words."""

    put_in: list[SimulatedTruth]
    share: str


def cause_block(alert: Alert, card: AlertCard) -> Cause:
    """Return the possible causes of an alert; none where a person has set its kind."""
    if not card.cause_is_computed:
        return Cause([], [])
    return Cause(with_surroundings(alert, card.voice.causes(alert)), card.voice.cause_shares(alert))


def around_block(alert: Alert, glaciers: list[GlacierMotion]) -> Around:
    """Return buildings, people and known facts at an alert."""
    here, missing = surroundings(alert)
    town = town_words(area=alert.area, simulated=alert.simulated)
    return Around(exposure_block(alert), here, missing, town, [glacier_link(glacier) for glacier in glaciers])


def residents_block(alert: Alert) -> Summary | None:
    """Return a sentence on the accepted reports of residents near an alert, and their kinds by month; None if none."""
    reports = list(reports_near(area=alert.area))
    if not reports:
        return None
    # Translators: %(month)s is "May 2026"
    sentence = ngettext(
        "%(n)s report of a resident within %(near)s m, from %(month)s.",
        "%(n)s reports of residents within %(near)s m since %(month)s.",
        len(reports),
    )
    counts = {"n": whole(len(reports)), "near": whole(NEAR_M), "month": month_words(reports[0].seen_on)}
    by_month = Counter((month_words(report.seen_on), report.get_kind_display()) for report in reports)
    rows = [{"month": month, "kind": kind, "n": n} for (month, kind), n in by_month.items()]
    return Summary(sentence % counts, rows)


def history_block(alert: Alert) -> History:
    """Return what has happened to an alert, for the public."""
    steps = [step_row(step) for step in alert.transitions.select_related("update", "alert")]
    reviews = [
        {
            "heading": VERDICT_HEADINGS[review.verdict],
            "reason": "" if review.verdict == Verdict.FIELD_VISIT else in_language(review.reason.label),
            "note": in_language(review.public_note),
            "at": review.created_at,
        }
        for review in reviews_standing(alert=alert)  # public, therefore without names and internal notes
    ]
    return History(steps, related_rows(alert), alerts_taken(alerts=[alert]).get(alert.pk, []), reviews)


def truth_block(alert: Alert) -> Truth | None:
    """Return what was simulated at an alert; None where nothing was, or where it is not known."""
    if not (alert.simulated and alert.is_measured and truth_is_loaded()):
        return None
    return Truth(list(truth_in(area=alert.area)), percent(truth_share(area=alert.area)))
