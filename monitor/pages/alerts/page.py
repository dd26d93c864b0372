"""Pages of an alert, as objects: the public one, its printed report, and what these share with the reviewers' page.

The module of its subject makes each block; a block is None or empty if there is nothing to say.
"""

from django.conf import settings
from django.utils import timezone

from detection.models import Alert
from detection.rules.motion import stated
from detection.selectors import alerts_nested, detections_shown
from monitor.maps.charts.selectors import points_exist
from monitor.maps.map.plans import alert_plan
from monitor.pages.alerts import around, evidence, motion
from monitor.pages.alerts.pictures import since_block
from monitor.pages.glaciers.views import series_table
from monitor.web.context import MAX_CREDITS, shortened, site_facts
from monitor.wording.cards.cards import alert_card, alert_cards
from monitor.wording.cards.looks import looks_at_alert
from monitor.wording.figures import figure_rows
from monitor.wording.places import coordinates

MAX_SERIES = 2
MAX_NESTED = 12
MOST = {"evidence": 4, "agreement": 8, "reviews": 2, "limits": 8, "credits": MAX_CREDITS}
MAX_NOTE_LENGTH = 500
PICTURES = ("points-1", "score")  # The first available one is printed.


class AlertBlocks:
    """Blocks that every page of an alert shows."""

    def __init__(self, alert: Alert) -> None:
        """Read an alert and its detections."""
        self.alert, self.card, self.detections = alert, alert_card(alert), detections_shown(alert=alert)
        self.evidence = evidence.evidence_block(self.card, self.detections)
        self.newest_first = [row.detection for row in self.evidence.rows]
        self.over_time = motion.OverTime(alert, self.card, self.detections)
        self.series = [motion.SeriesRow(**values) for values in self.over_time.series]
        self.rates = motion.rates_block(alert, self.over_time, self.newest_first)
        self.map = motion.SmallMap(alert, self.card, self.over_time, self.newest_first)
        self.cause = around.Cause(alert, self.card)
        self.residents = around.residents_block(alert)
        self.doubt = evidence.doubt_sentence(alert)
        sources = self.evidence.sources or [row.product for row in self.series]
        self.figures = figure_rows(alert, everyone=True)
        self.limits = self.card.voice.limits(alert, sources)


class AlertPage(AlertBlocks):
    """Public page of an alert."""

    def __init__(self, alert: Alert) -> None:
        """Read an alert and all that is known of it."""
        super().__init__(alert)
        self.advice = self.card.voice.advice(alert.kind, alert.state)
        self.motion = motion.motion_block(self.over_time.motion)
        self.speeds = [series_table(view) for view in self.over_time.speeds or []]
        told = stated(alert)
        shift_mm_yr = told.shift_mm_yr if told else 0.0
        self.places = motion.places_block(self.detections, shift_mm_yr, alert.datum_sigma_mm_yr or 0.0)
        self.first_outline = motion.first_outline(alert)
        self.since = since_block(alert, self.newest_first) if alert.is_measured else None
        self.methods = evidence.method_block(alert, self.detections)
        self.agreement = evidence.agreement_block(alert, self.detections)
        self.sealed = evidence.sealed_block(alert)
        self.nested = alert_cards(alerts_nested(alert=alert)[:MAX_NESTED])
        self.around = around.Around(alert, self.over_time.glaciers)
        self.history = around.History(alert)
        self.truth = around.truth_block(alert)
        self.looks = looks_at_alert(alert)
        self.has_points = points_exist(area=alert.area)


class AlertReport(AlertPage):
    """Printed report of an alert, with the same figures as its page. frame: what the frame of every report reads."""

    longest_note = MAX_NOTE_LENGTH

    def __init__(self, alert: Alert) -> None:
        """Read the alert, and cut the lists of its page to what fits on paper."""
        super().__init__(alert)
        rows = self.evidence.rows
        cut = shortened(
            {
                "evidence": rows,
                "agreement": self.agreement.rows if self.agreement else [],
                "reviews": self.history.reviews,
                "limits": self.limits,
                "credits": site_facts()["attributions"],
            },
            MOST,
        )
        shown = ((row, one) for name in PICTURES for row in rows for one in row.pictures if one.name == name)
        self.picture = next(shown, None)
        self.evidence = self.evidence._replace(rows=cut["evidence"])
        self.agreement = self.agreement and self.agreement._replace(rows=cut["agreement"])
        self.reviews, self.limits = cut["reviews"], cut["limits"]
        inner = [outline["geometry"] for outline in self.places.outlines["features"]] if self.places else []
        self.plan = alert_plan(alert, self.card, inner)
        self.coordinates = coordinates(self.card.longitude, self.card.latitude)
        self.drawn_charts = self.over_time.curves[:MAX_SERIES]
        self.frame = {
            "permalink": f"{settings.PUBLIC_URL}{self.card.url}",
            "printed_on": timezone.now(),
            "simulated": alert.simulated,
            "credits": cut["credits"],
            "more": cut["more"],
        }
