"""One figure, one meaning: no page, list, mail, warning or answer tells a rate below its uncertainty as motion.

Every sample is shown on every surface in four languages.
"""

import json
import re
from copy import copy
from datetime import date

import pytest
from django.conf import settings
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from detection.alerts.importance import importance_refresh
from detection.models import Alert, AlertCause, AlertTransition
from detection.rules.importance import MIN_MOVING
from detection.rules.lifecycle import as_json
from detection.rules.motion import Figure, sigma_of, stated
from detection.rules.passes import Passes
from ingest.models import AdministrativeRegion, Product
from lab.samples.sentences import samples
from monitor.maps.charts.words import chart_sentence, here_sentence, motion_at
from monitor.models.subscriptions import Subscription
from monitor.notifications.mail import letters
from monitor.open_data.cap.services import message_issue
from monitor.pages.bulletins.drafts import _provisional
from monitor.pages.regions.views import MAX_CARDS
from monitor.wording.cards.cards import AlertCard, alert_cards, alert_title
from monitor.wording.components import WAYS, direction
from monitor.wording.exposure import building_sentences
from monitor.wording.points import point_sentence
from tests.makers.regions import make_region
from tests.makers.told import faults_of, numbers_of, plain, told_as_motion
from tests.waiting import reread

pytestmark = pytest.mark.django_db
LANGUAGES = [code for code, _name in settings.LANGUAGES]
NEAR = {"fact": "no mine", "value": 7_700.0, "factors": {"mining_subsidence": 0.6}, "detail": ""}
STEP_DEG = 0.05


@pytest.fixture
def walked(db) -> list[Alert]:
    """Store every sample as an alert of its own place, and further states of some."""
    product = None
    stored = []
    states = ("finished", "confirmed", "merged", "rejected")
    further = [(f"{about}, {state}", one) for state in states for about, one in samples()[:2]]
    for number, (about, sample) in enumerate([*samples(), *further, *_passes()]):
        alert = copy(sample)
        x, y = -12 + STEP_DEG * number, 47.0
        square = Polygon.from_bbox((x, y, x + STEP_DEG / 2, y + STEP_DEG / 2))
        alert.area, alert.area_m2, alert.severity = MultiPolygon(square, srid=4326), 3.4e6, "moderate"
        alert.state = next((one for one in states if about.endswith(one)), "first")
        motion = getattr(alert, "motion", None)
        alert.save()
        if motion is not None:
            product = product or Product.objects.create(
                name="made",
                component="up",
                dates=[alert.first_motion, alert.last_motion],
                n_points=10,
                simulated=False,
                footprint=MultiPolygon(square, srid=4326),
            )
            dates = [day.isoformat() for day in product.dates]
            motion.fit = {"dates": dates, "displacement_mm": [0.0, -40.0], "fit_mm": [0.0, -40.0], "changes": []}
            motion.alert, motion.product, motion.n_dates, motion.season_mm = alert, product, 100, 0.0
            motion.save()
        if alert.class_shares:
            AlertCause.objects.create(
                alert=alert, network_shares={}, other_share=0.0, terms=[NEAR], elongation=1.0, across_m=600.0
            )
        AlertTransition.objects.create(alert=alert, to_state=alert.state, reason="seen in a made field")
        importance_refresh(alert=alert)
        stored.append(reread(alert))
    for number in range(0, len(stored), MAX_CARDS):
        make_region(
            f"Strip {number}", (-12 + STEP_DEG * number, 46.9, -12 + STEP_DEG * (number + MAX_CARDS - 0.1), 47.1)
        )
    return stored


def _passes() -> list[tuple[str, Alert]]:
    """Return alerts that rest on new passes alone, or that new passes show at rest, or not surely moving."""
    rows = []
    for about, now, sigma, alone in (
        ("alone", -62.0, 3.0, True),
        ("rest", 0.3, 0.5, False),
        ("doubt", 2.0, 3.0, False),
    ):
        alert = copy(samples()[0][1])
        seen = Passes(1, alert.first_motion, alert.last_motion, -8.2, now, sigma, alone, now)
        alert.passes = as_json(seen)
        if alone:
            alert.rate_mm_yr, alert.peak_rate_mm_yr, alert.rate_sigma_mm_yr = now, now, sigma
        rows.append((f"new passes, {about}", alert))
    return rows


@pytest.mark.long
def test_no_surface_tells_doubt_as_motion_or_two_figures_without_their_names(
    walked, client, operator, make_subscription
):
    _rest_and_importance_follow_the_figure_that_is_shown(walked)
    bulletin = {row["code"]: row["words"] for row in _provisional(simulated=False)}
    warnings = {alert.pk: message_issue(transition=alert.transitions.get()).xml for alert in walked}
    faults = []
    for language in LANGUAGES:
        reader = make_subscription(f"{language}@example.org", language=language)
        shared = _shared_surfaces(client, operator, language)
        shared["bulletin"] = {code: words[language] for code, words in bulletin.items()}
        assert {name for name, texts in shared.items() if not texts} == set()
        with override(language):
            for number, (alert, card) in enumerate(zip(walked, alert_cards(walked), strict=True)):
                warning = warnings[alert.pk].split(f"<language>{language}</language>")[1].split("</info>")[0]
                said = [card.figure, card.brief, card.rate_label, alert_title(card), *card.sentences]
                own = {"warning": warning, "card": " | ".join(said)}
                if LANGUAGES[number % len(LANGUAGES)] == language:  # Its pages and mails are read in one of them.
                    own |= _pages_and_mails(alert, card, reader, client)
                texts = own | {name: texts[alert.code] for name, texts in shared.items() if alert.code in texts}
                for name, text in texts.items():
                    faults += [f"{name} of {alert}: {fault}" for fault in faults_of(alert, card, plain(text), language)]
    assert not faults, "\n".join(faults)


def _page(client: Client, path: str, language: str) -> str:
    return client.get(f"{path}{'&' if '?' in path else '?'}language={language}").content.decode()


def _shared_surfaces(client: Client, operator: Client, language: str) -> dict[str, dict[str, str]]:
    """Return what each page and answer about several alerts says of each, by its code."""
    slugs = AdministrativeRegion.objects.values_list("slug", flat=True)
    regions = "".join(_page(client, reverse("region-detail", args=[slug]), language) for slug in slugs)
    answers = json.loads(_page(client, "/api/v1/alerts?limit=200", language))["items"]
    features = json.loads(_page(client, "/alerts.geojson", language))["features"]
    return {
        "region": _pieces(regions, r'data-alert-code="(\w+)"'),
        "list": _pieces(_page(client, "/alerts/", language), r'data-alert-code="(\w+)"'),
        "queue": _pieces(_page(operator, "/review/", language), r'data-case="(\w+)"'),
        "feed": _pieces(_page(client, "/alerts.atom", language), r"/alerts/(\w+)/", "<entry>"),
        "answers": {answer["code"]: json.dumps(answer) for answer in answers},
        "map": {feature["properties"]["code"]: json.dumps(feature["properties"]) for feature in features},
    }


def _pages_and_mails(alert: Alert, card: AlertCard, reader: Subscription, client: Client) -> dict[str, str]:
    """Return what an alert's own pages and mails say in the reader's language."""
    url, step = alert.get_absolute_url(), alert.transitions.get()
    to = {"key": "k", "subscriptions": [reader]}
    mail = letters.alert_mail(**to, card=card, transition=step, unseen="")
    news = [letters.RegionNews(reader, [letters.AlertNews(card, (step,))], "")]
    digest = letters.digest_mail(**to, places=news, draw=lambda *_: None)
    texts = {path: _page(client, path, reader.language) for path in (url, f"{url}report/")}
    for name, letter in (("mail", mail), ("digest", digest)):
        texts |= {name: letter.body, f"{name} as HTML": letter.alternatives[0][0]}
    return texts


def _pieces(page: str, code: str, begins: str = "<article") -> dict[str, str]:
    """Return the part of a page or feed about each alert, by its code."""
    parts = [part.split("</article>")[0].split("</entry>")[0] for part in page.split(begins)[1:]]
    return {found[1]: f"{begins}{part}" for part in parts if (found := re.search(code, part))}


def _rest_and_importance_follow_the_figure_that_is_shown(walked: list[Alert]) -> None:
    for alert, card in zip(walked, alert_cards(walked), strict=True):
        told = stated(alert)
        if told is None or card.headline is None:
            continue
        assert bool(card.headline.arrow) == (told.headline.is_motion and not told.at_rest), card.figure
        if told.at_rest or not told.headline.is_motion or alert.state == "finished":
            assert card.severity == "minor", card.figure
            assert alert.importance < MIN_MOVING
        assert card.figures[0] == told.headline


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("component", WAYS)
@pytest.mark.parametrize(
    ("rate", "low", "high"), [(3.1, 0.4, 5.8), (-4.2, -7.0, -0.6), (-9.3, -9.9, -8.7), (1.3, 1, 1.6)]
)
def test_points_places_lines_and_buildings_are_told_by_the_rule_of_alerts(language, component, rate, low, high):
    since, until = date(2020, 1, 3), date(2024, 1, 3)
    told = Figure(rate, sigma_of(low, high), since, until, along=component, ends=(low, high))
    with override(language):
        house = building_sentences(told, told if told.is_motion else None, (None, None), 1)[:2]
        texts = [point_sentence(told), here_sentence(told), chart_sentence([told], [0], since, until), *house]
        moving = [bool([*told_as_motion(numbers_of(told), text)]) for text in texts[:3]]
        way = direction(component, rate)
        assert set(moving) == {told.surely_moves}
        assert {way in text for text in house} == {told.is_motion}
    assert (motion_at(told) == "moves") == told.surely_moves
