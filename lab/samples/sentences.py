"""The table of sentences, each with its subject."""

from datetime import UTC, date, datetime

from django.template.loader import get_template

from detection.kinds import Kind
from detection.models import Alert, AlertTransition
from detection.rules.lifecycle import State
from detection.rules.motion import Figure
from detection.rules.updates import Cause, Change
from ground_motion.methods.deformation.motion.series import Trend
from lab.samples import alerts as made
from monitor.maps.rasters.visibility import Scope, Visibility, visibility_words
from monitor.wording.cards.cards import what_happened
from monitor.wording.exposure import building_tilt_sentence, exposure_sentence
from monitor.wording.families import voice_of
from monitor.wording.families.changes import season_sentence
from monitor.wording.points import point_sentence
from monitor.wording.states import STATE_LABELS
from monitor.wording.updates import preview_sentence

Row = tuple[str, str]
LAST_LOOK = date(2024, 12, 25)
PEAK = {"peak_rate_mm_yr": -26.0, "peak_low_mm_yr": -22.0, "peak_high_mm_yr": -30.4}
FAST = {"peak_rate_mm_yr": -75.2, "peak_low_mm_yr": -65.0, "peak_high_mm_yr": -84.0}
CITY = {"around_mm_yr": -13.0, "around_sigma_mm_yr": 1.2, "datum_sigma_mm_yr": 0.8}
SINKING = made.velocity(Kind.SUBSIDENCE, "up", -8.2)


def rows() -> list[Row]:
    """Return every kind of sentence once, with its subject."""
    first, last = [*_moving_alerts(), *_changing_alerts()], _pair_alerts()
    return [*_said(first), *_season(), *_said(last), *_ground(), *_steps(), *_updates(), *_places()]


def table() -> str:
    """Return the table in Markdown."""
    lines = [f"| {number} | {about} | {text} |" for number, (about, text) in enumerate(rows(), 1)]
    return "\n".join(["| | About | What the site, mails and feeds say |", "|---|---|---|", *lines, ""])


def _said(alerts: list[tuple[str, Alert]]) -> list[Row]:
    return [(about, _of(alert)) for about, alert in alerts]


def _of(alert: Alert) -> str:
    own = voice_of(alert)
    return " ".join(filter(None, (own.sentence(alert), own.region_note(alert), own.cause(alert))))


def samples() -> list[tuple[str, Alert]]:
    """Return an alert of every kind and trend, and some whose figures are below their uncertainty, with its subject."""
    return [*_moving_alerts(), *_changing_alerts(), *_unsure_alerts(), *_pair_alerts()]


def _moving_alerts() -> list[tuple[str, Alert]]:
    short = {"first_motion": date(2018, 1, 6), "last_motion": date(2018, 7, 17)}
    shares = {"mining_subsidence": 0.71, "groundwater_subsidence": 0.2, "uplift": 0.03}
    doubtful = {"landslide": 0.44, "fill_or_quarry": 0.4, "mining_subsidence": 0.1}
    velocity = made.velocity
    return [
        ("sinking, measured up and down", SINKING),
        ("sinking, from one side, faster in its middle", velocity(Kind.SUBSIDENCE, "los", -9.0, **PEAK)),
        (
            "sinking, far faster in four places",
            velocity(Kind.SUBSIDENCE, "up", -9.0, 2.0, n_fast_places=4, **FAST),
        ),
        ("sideways, far faster in one place", velocity(Kind.UNKNOWN, "los", -9.0, n_fast_places=1, **FAST)),
        ("mining", velocity(Kind.MINING, "up", -14.0, class_shares=shares, **PEAK)),
        ("groundwater", velocity(Kind.GROUNDWATER, "up", -21.0, class_shares={"groundwater_subsidence": 0.82})),
        ("fill or quarry", velocity(Kind.FILL, "los", -6.3, class_shares={"fill_or_quarry": 0.64})),
        ("landslide, away", velocity(Kind.LANDSLIDE, "los", -11.0, class_shares={"landslide": 0.9})),
        ("landslide, toward", velocity(Kind.LANDSLIDE, "los", 11.0, class_shares={"landslide": 0.68})),
        ("rising", velocity(Kind.UPLIFT, "up", 5.1, 0.4, class_shares={"uplift": 0.95})),
        ("rising, from one side", velocity(Kind.UPLIFT, "los", 12.0, peak_rate_mm_yr=30.0)),
        ("volcano", velocity(Kind.VOLCANO, "los", 71.0)),
        ("not sure, sinking", velocity(Kind.SUBSIDENCE, "up", -7.0, class_shares=doubtful)),
        ("not sure, cause unknown", velocity(Kind.UNKNOWN, "los", -5.0)),
        ("sideways", velocity(Kind.UNKNOWN, "east", -5.4)),
        ("few points, large uncertainty", velocity(Kind.SUBSIDENCE, "los", -5.0, 3.2)),
        ("uncertainty not known", velocity(Kind.SUBSIDENCE, "up", -5.0, None)),
        ("sinking fast in a city that sinks", velocity(Kind.SUBSIDENCE, "up", -27.0, n_fast_places=2, **FAST, **CITY)),
        ("rising in a city that sinks", velocity(Kind.UPLIFT, "up", 11.0, **CITY)),
        ("very fast, half a year", velocity(Kind.GROUNDWATER, "los", -214.0, 7.0, **short)),
        ("wide region, stations", made.region(Kind.SUBSIDENCE, "up", -4.2, "gnss")),
        ("wide region, confirmed zero", made.region(Kind.SUBSIDENCE, "up", -5.0, "datum")),
        ("wide region, no stations", made.region(Kind.UPLIFT, "los", 3.0, "local")),
    ]


def _changing_alerts() -> list[tuple[str, Alert]]:
    return [
        ("since, faster, faster in its middle", made.changing(Trend.FASTER, -3.0, -8.0, **PEAK)),
        ("since, faster, far faster in one place", made.changing(Trend.FASTER, -3.0, -8.0, n_fast_places=1, **FAST)),
        ("since, slower, date roughly known", made.changing(Trend.SLOWER, -9.0, -4.0, days=60.0)),
        ("faster and faster", made.changing(Trend.SPEEDING, -3.0, -12.0)),
        ("more and more slowly", made.changing(Trend.SLOWING, 9.0, 3.0)),
        ("at rest", made.changing(Trend.AT_REST, -9.0, 0.1)),
        ("began, date hardly known", made.changing(Trend.BEGAN, 0.2, -8.0, days=200.0)),
        ("turned round", made.changing(Trend.REVERSED, -7.0, 4.0)),
    ]


def _unsure_alerts() -> list[tuple[str, Alert]]:
    mining = {"mining_subsidence": 0.97}
    wide, sure = {"peak_low_mm_yr": 6.0, "peak_high_mm_yr": -40.0}, {"peak_low_mm_yr": -18.0, "peak_high_mm_yr": -32.0}
    velocity, changing = made.velocity, made.changing
    return [
        ("below its uncertainty", velocity(Kind.SUBSIDENCE, "up", -1.6, 1.55)),
        ("below its uncertainty, from one side", velocity(Kind.UNKNOWN, "los", 4.0, 3.0)),
        ("only the fastest part is sure", velocity(Kind.SUBSIDENCE, "up", -2.0, 1.5, peak_rate_mm_yr=-25.0, **sure)),
        ("the fastest part is not sure", velocity(Kind.SUBSIDENCE, "up", -9.0, 1.5, peak_rate_mm_yr=-17.0, **wide)),
        ("slower and slower, now not sure", changing(Trend.SLOWING, -11.0, -1.57, sigma=1.573)),
        ("slower, now not sure", changing(Trend.SLOWER, -11.0, -3.6, sigma=2.4)),
        ("at rest, not sure", changing(Trend.AT_REST, -38.0, 0.6, sigma=5.4)),
        ("mining, sure in spite of what is near", velocity(Kind.MINING, "up", -30.0, class_shares=mining)),
        ("sure of a cause that does not fit", velocity(Kind.UNKNOWN, "los", 8.0, class_shares=mining)),
    ]


def _season() -> list[Row]:
    season = made.changing(Trend.STEADY, -8.0, -8.0).motion
    season.season_mm, season.season_month = 4.0, 10
    return [("season", sentence) for sentence in season_sentence(season)]


def _pair_alerts() -> list[tuple[str, Alert]]:
    return [
        ("fast motion", made.moving(Kind.MOVING_GROUND, 0.42, 0.05)),
        ("fast landslide", made.moving(Kind.FAST_LANDSLIDE, 1.4, 0.1)),
        ("glacier surge", made.moving(Kind.GLACIER_SURGE, 3.1, 0.15, usual=0.4)),
        ("changed surface, clear", made.surface(0.74, 0.35, 4.9)),
        ("changed surface, very clear", made.surface(0.82, 0.21, 11.0)),
        ("reported by a specialist", made.drawn(Kind.LANDSLIDE)),
        ("changed surface, reported", made.drawn(Kind.SURFACE_CHANGE)),
    ]


def _ground() -> list[Row]:
    return [
        ("tilt under houses", building_tilt_sentence((0.6, 0.4, 0.9), 40, None)),
        ("tilt, houses not known", building_tilt_sentence((0.31, 0.22, 0.45), None, None)),
        ("what stands there", exposure_sentence(41, 0.2, 1.24, 1310.0)),
        ("nothing stands there", exposure_sentence(0, 0.0, None, None)),
    ]


def _steps() -> list[Row]:
    surge, surface = made.moving(Kind.GLACIER_SURGE, 3.1, 0.15), made.surface(0.7, 0.2, 6.0)
    first, two, confirmed, finished = State.FIRST, State.PROVISIONAL, State.CONFIRMED, State.FINISHED
    at_rest = Change(Cause.FINISHED, -8.2, "2024-03-02", "mm/yr", "up")
    woken = (Change(Cause.WOKEN, None, None), Change(Cause.RATE, -0.3, -6.0, "mm/yr", "up"))
    steps: list[tuple[str, AlertTransition]] = [
        ("first seen, one track", made.step(SINKING, "", first)),
        ("second track", made.step(SINKING, first, two)),
        ("confirmed", made.step(SINKING, two, confirmed)),
        ("rejected", made.step(SINKING, two, State.REJECTED)),
        ("at rest, by the computer", made.step(SINKING, confirmed, finished, at_rest)),
        ("at rest, by a specialist", made.step(SINKING, confirmed, finished, reviewed=True)),
        ("surge over", made.step(surge, confirmed, finished, reviewed=True)),
        ("surface change over", made.step(surface, confirmed, finished, reviewed=True)),
        ("moves again", made.step(SINKING, finished, first, *woken)),
        ("seen again after “not motion”", made.step(SINKING, State.REJECTED, first)),
        ("part of another alert", made.step(SINKING, first, State.MERGED)),
        ("reported place confirmed", made.step(made.drawn(Kind.LANDSLIDE), "", confirmed)),
    ]
    meanings = [(f"badge “{label}”", str(meaning)) for label, meaning in (STATE_LABELS[one] for one in (first, two))]
    return [*((about, what_happened(one)) for about, one in steps), *meanings]


def _updates() -> list[Row]:
    rate = Change(Cause.RATE, -8.2, -14.1, "mm/yr", "up")
    turned = Change(Cause.RATE, -4.0, 6.0, "mm/yr", "los")
    steps = [
        ("update: faster", made.update(SINKING, rate)),
        ("update: other direction", made.update(made.velocity(Kind.UNKNOWN, "los", 6.0), turned)),
        ("update: larger", made.update(SINKING, Change(Cause.AREA, 2.1e5, 4.5e5, "m2"))),
        ("update: other kind", made.update(SINKING, Change(Cause.KIND, Kind.UNKNOWN, Kind.MINING))),
        ("update: importance", made.update(SINKING, Change(Cause.SEVERITY, "moderate", "strong"))),
        ("update: speeds up", made.update(SINKING, Change(Cause.ACCELERATION, None, "2024-06-01", "date"))),
    ]
    return [(about, what_happened(one)) for about, one in steps]


def _places() -> list[Row]:
    period = (date(2020, 1, 3), LAST_LOOK)
    return [
        ("one point, moving", point_sentence(Figure(-12.0, 0.5, *period, along="los"))),
        ("one point, still", point_sentence(Figure(-0.6, 0.4, *period, along="up"))),
        ("region, seen well", visibility_words(Visibility(0.12, 3.6, LAST_LOOK), Scope.REGION)),
        ("region, seen badly", visibility_words(Visibility(0.71, 99.0, LAST_LOOK), Scope.REGION)),
        ("simulated data", get_template("notifications/mail/alert.txt").render({"simulated": True}).splitlines()[0]),
        ("before subscribing", preview_sentence(3, 2, datetime(2020, 1, 3, tzinfo=UTC))),
    ]
