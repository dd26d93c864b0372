"""An alert's possible causes, buildings and roads, residents' reports, and history."""

from collections import Counter
from typing import NamedTuple

from django.utils.translation import ngettext

from detection.models import Alert, GlacierMotion
from detection.rules.verdicts import Verdict
from detection.selectors import reviews_standing
from ingest.context.simulated_truth import truth_in, truth_is_loaded, truth_share
from ingest.models import SimulatedTruth
from monitor.pages.alerts.evidence import Summary
from monitor.pages.glaciers.views import glacier_link
from monitor.subscribers.organisations.escalations import alerts_taken
from monitor.subscribers.reports.selectors import NEAR_M, reports_near
from monitor.wording.cards.buildings import town_words
from monitor.wording.cards.cards import AlertCard, exposure_block, related_rows, step_row
from monitor.wording.cards.whereabouts import surroundings, with_surroundings
from monitor.wording.dates import month_words
from monitor.wording.figures import percent, whole
from monitor.wording.states import VERDICT_HEADINGS, in_language


class Cause:
    """Possible causes: sentences, and the share of each cause, 0-1, by its words; none where a person set the kind."""

    def __init__(self, alert: Alert, card: AlertCard) -> None:
        known = card.cause_is_computed
        self.sentences = with_surroundings(alert, card.voice.causes(alert)) if known else []
        self.shares = card.voice.cause_shares(alert) if known else []


class Around:
    """What stands on the ground of an alert, and what is known of the place, in sentences.

    missing: sentence for operators about layers that are not loaded; town: sentences on buildings; glaciers: links.
    """

    def __init__(self, alert: Alert, glaciers: list[GlacierMotion]) -> None:
        self.exposure = exposure_block(alert)
        self.here, self.missing = surroundings(alert)
        self.town = town_words(area=alert.area, simulated=alert.simulated)
        self.glaciers = [glacier_link(glacier) for glacier in glaciers]


class History:
    """Steps of an alert, the alerts that it was split from or merged with, who took it up, and verdicts in force."""

    def __init__(self, alert: Alert) -> None:
        self.steps = [step_row(step) for step in alert.transitions.select_related("update", "alert")]
        self.related = related_rows(alert)
        self.taken = alerts_taken(alerts=[alert]).get(alert.pk, [])
        self.reviews = [
            {
                "heading": VERDICT_HEADINGS[review.verdict],
                "reason": "" if review.verdict == Verdict.FIELD_VISIT else in_language(review.reason.label),
                "note": in_language(review.public_note),
                "at": review.created_at,
            }
            for review in reviews_standing(alert=alert)  # The page is public: leave out names and internal notes.
        ]


class Truth(NamedTuple):
    """What was simulated where an alert is, and the share of its area that it fills, in words."""

    put_in: list[SimulatedTruth]
    share: str


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


def truth_block(alert: Alert) -> Truth | None:
    """Return what was simulated at an alert; None where nothing was, or where it is not known."""
    if not (alert.simulated and alert.is_measured and truth_is_loaded()):
        return None
    return Truth(list(truth_in(area=alert.area)), percent(truth_share(area=alert.area)))
