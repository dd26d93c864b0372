"""Every mail says the same as text and as HTML, can be read in the dark, and is in the language of its reader."""

import html
import os
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from email import message_from_bytes, policy
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.contrib.gis.geos import Point
from django.core import mail as mails
from django.test import Client
from django.utils import timezone, translation
from django.utils.translation import gettext

from detection.models import AlertExposure
from detection.rules.updates import Cause, Change
from ingest.models import ContextLayer, Place
from lab.samples.alerts import step, update
from monitor import tasks
from monitor.maps.map.plans import mail_plan
from monitor.models.escalations import Escalation, EscalationStep
from monitor.models.messages import Bulletin, Endpoint, OutgoingMessage
from monitor.models.operations import ResidentReport
from monitor.models.subscriptions import Membership, Organisation, Subscription
from monitor.notifications import rounds
from monitor.notifications.mail import compose, letters
from monitor.notifications.mail.letters import AlertNews, RegionNews
from monitor.subscribers.subscriptions import services, tokens
from monitor.wording.cards import cards as cards_module
from monitor.wording.cards.cards import alert_card
from tests.makers.bulletins import made_content
from tests.makers.organisations import FORM
from tests.waiting import reread

pytestmark = pytest.mark.django_db
Kind = OutgoingMessage.Kind
ROOT = Path(__file__).resolve().parents[5]
LANGUAGES = ("en", "de", "fr", "es")
VISIT = date(2026, 12, 3)
ASKED = datetime(2026, 12, 3, tzinfo=UTC)
UNSEEN = "Over most of this region we would probably notice ground that moves faster than about 4 mm a year."
LINK = re.compile(r'<a [^>]*href="([^"]+)"')
ADDRESS = re.compile(r"https?://\S+")


def plain(text: str) -> str:
    return " ".join(ADDRESS.sub("", html.unescape(text)).split()).lower()


def lines_of_html(page: str) -> list[str]:
    """Return the text of every paragraph and heading."""
    body = page[page.index("<body") :]
    paragraphs = re.findall(r"<p\b.*?</p>", body, flags=re.DOTALL)
    return [line for one in paragraphs for line in plain(re.sub("<[^>]+>", "", one)).split(" · ")]


def lines_of_text(text: str) -> list[str]:
    lines = (plain(re.sub(r"^(\* |=== | {2}|-- $)| ===$", "", line)) for line in text.splitlines())
    return [line.removesuffix(":").strip() for line in lines]


@pytest.fixture
def write(make_alert, make_subscription, monkeypatch) -> Callable[[str], dict[str, object]]:
    """Mails of every kind in a language, of alerts with everything that can be said."""
    monkeypatch.setattr(letters, "visibility_sentence", lambda region: UNSEEN)
    monkeypatch.setattr(letters, "default_token_generator", SimpleNamespace(make_token=lambda account: "token"))
    one, other = make_subscription(), make_subscription(label="the place of alert AB12")
    alert = make_alert(class_shares={"mining_subsidence": 0.7}, kind="mining-subsidence", peak_rate_mm_yr=-30.0)
    AlertExposure.objects.create(alert=alert, buildings=12, sources=[])
    rejected = make_alert(state="rejected", simulated=True, longitude=-11.9)

    def written(language: str) -> dict[str, object]:
        with translation.override(language):
            mails = _written(one, other, alert, rejected)
        if folder := os.environ.get("MAIL_PAGES"):  # scripts/mails looks at them
            for name, mail in mails.items():
                path = Path(folder, f"{name.replace(' ', '-')}.{language}.eml")
                path.write_bytes(mail.message().as_bytes())
        return mails

    return written


def _written(one, other, alert, rejected) -> dict[str, object]:
    card, wrong = alert_card(alert), alert_card(rejected)
    first, changed = step(alert, "", "first"), update(alert, Change(Cause.RATE, -8.2, -14.1, "mm/yr", "up"))
    finished, taken_back = step(alert, "first", "finished"), step(rejected, "first", "rejected")
    shown = {"card": card, "picture": letters.map_part(alert, card)}
    person = SimpleNamespace(pk=1, email="a@example.org", get_role_display="operator")
    here = RegionNews(one, [AlertNews(card, (first, changed))], UNSEEN)
    there = RegionNews(other, [AlertNews(wrong, (taken_back,))], UNSEEN)
    many = [AlertNews(replace(card, code=f"A{n:03}"), (first,), ("the street",)) for n in range(12)]
    texts = {"introduction": "It rained a lot.", "comments": {"westshore": "The mine closed."}}
    days = {"first_day": date(2022, 6, 24), "last_day": date(2022, 12, 21)}
    bulletin = Bulletin(pk=1, simulated=True, content=made_content(-12.0, 47.0), **days, **texts)
    to, draw = {"key": "k", "subscriptions": [one, other]}, {"draw": letters.card_part}
    return {
        "alert": letters.alert_mail(**to, **shown, transition=first, unseen=UNSEEN),
        "update": letters.alert_mail(**to, **shown, transition=changed, unseen=""),
        "finished": letters.alert_mail(**to, **shown, transition=finished, unseen=UNSEEN),
        "correction": letters.to_reader("correction", letters.news_context(wrong, taken_back), **to),
        "digest": letters.digest_mail(**to, places=[here, there], **draw),
        "summary": letters.digest_mail(**to, places=[RegionNews(one, many, UNSEEN)], **draw),
        "sign": letters.to_reader("sign", {"places": [(one.label, UNSEEN), (other.label, UNSEEN)]}, **to),
        "visits": letters.visits_mail(about(person.email), [(SimpleNamespace(day=VISIT), card)]),
        "bulletin": letters.bulletin_mail(key="k", bulletin=bulletin, subscriptions=[one]),
        **{name: letters.letter(kind, message) for name, (kind, message) in _letters(one, person, alert).items()},
    }


def about(address: str, **more: object) -> SimpleNamespace:
    """Return a message of the outbox with the fields that its letter needs."""
    return SimpleNamespace(key="k", address=address, **more)


def _letters(one, person, alert) -> dict[str, tuple[str, SimpleNamespace]]:
    water = Organisation(name="Aldwick Waterworks")
    invited = Membership(pk=1, organisation=water, email=person.email, invited_by=Membership(email="b@example.org"))
    ownerless = Membership(pk=1, organisation=water)
    asking = Escalation(pk=1, alert=alert, organisation=water, severity=alert.severity)
    hook = {"url": "https://hooks.example.org/in", "email": one.email}
    report = ResidentReport(pk=1, kind="cracks", seen_on=VISIT)
    return {
        "test": (Kind.TEST, about(one.email, subscription=one)),
        "confirm": (Kind.CONFIRM, about(one.email, subscription=one)),
        "link": (Kind.LINK, about(one.email)),
        "nothing held": (Kind.LINK, about("b@example.org")),
        "webhook gone": (Kind.ENDED, about(one.email, endpoint=Endpoint(**hook, end_reason="gone"))),
        "webhook failed": (Kind.ENDED, about("b@example.org", endpoint=Endpoint(**hook))),
        "invitation": (Kind.INVITATION, about(person.email, invitation=person)),
        "membership": (Kind.MEMBERSHIP, about(person.email, membership=invited)),
        "membership without an owner": (Kind.MEMBERSHIP, about(person.email, membership=ownerless)),
        "ask": (Kind.ASK, about(person.email, step=EscalationStep(pk=1, escalation=asking, hours=4))),
        "asked of operators": (Kind.ASKED, about(person.email)),
        "line": (Kind.LINE, about(one.email, notice=_notice(), membership=invited)),
        "dissolved": (Kind.DISSOLVED, about(one.email, about=water.name)),
        "report": (Kind.REPORT, about(person.email, report=report)),
        "password": (Kind.RESET, about(person.email, account=User(pk=1, username="anna"))),
    }


def _notice() -> SimpleNamespace:
    """A notice of more breaks of a line than a mail names."""
    line = SimpleNamespace(pk=1, organisation_id=1, name="Coal line", first_station_m=0.0, limit_mm_m_yr=0.5)
    line.organisation = Organisation(name="Aldwick Railways")
    days = [date(2020, 1, 1), date(2025, 1, 1)]
    product = SimpleNamespace(name="EGMS L2b, track 117", dates=days, simulated=True)
    figures = {"height_mm_yr": -30.2, "sigma_mm_yr": 2.1, "width_m": 15.0, "is_beyond": True}
    figures |= {"mm_m_yr": 2.0, "mm_m_yr_sigma": 0.1}
    figures |= {"reading": SimpleNamespace(product=product), "reading_id": 1}
    breaks = [SimpleNamespace(from_m=1000 * n + 400, to_m=1000 * n + 700, **figures) for n in range(12)]
    return SimpleNamespace(line=line, places=lambda: breaks)


@pytest.fixture
def written(write) -> dict[str, object]:
    return write("en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_and_html_say_the_same_and_lead_to_the_same_pages(write, language):
    with translation.override(language):  # HTML alone has a head, and a link for its button
        frame = {"ground motion monitor", plain(gettext("If the button does not work:"))}
    for name, mail in write(language).items():
        page, text = mail.alternatives[0].content, mail.body
        in_html, in_text = plain(re.sub("<[^>]+>", "", page[page.index("<body") :])), plain(text)
        assert [line for line in lines_of_html(page) if line not in in_text and line not in frame] == [], name
        assert [line for line in lines_of_text(text) if line not in in_html] == [], name
        links = {html.unescape(link) for link in LINK.findall(page)} - {f"{letters.settings.PUBLIC_URL}/"}
        assert links == set(ADDRESS.findall(text)), name
        for alternative in re.findall(r'<img [^>]*alt="([^"]+)"', page):
            assert plain(alternative.partition(":")[2]) in in_text, name


def test_the_map_of_a_bulletin_shows_the_places_of_all_its_regions(make_subscription, monkeypatch):
    drawn = []
    monkeypatch.setattr(letters, "plan_png", lambda plan: drawn.append(plan) or b"png")
    content = made_content(-12.0, 47.0)
    content["regions"] += [made_content(-11.0, 48.0)["regions"][0] | {"name": "Eastshore", "names": {}}]
    bulletin = Bulletin(pk=1, content=content, first_day=date(2022, 6, 24), last_day=date(2022, 12, 21))
    mail = letters.bulletin_mail(key="k", bulletin=bulletin, subscriptions=[make_subscription()])
    assert sorted(mark.text for plan in drawn for mark in plan.marks) == ["1", "2"]
    assert 'alt="Map: Westshore and Eastshore"' in mail.alternatives[0].content


def test_every_mail_that_there_is_is_among_them(write, monkeypatch):
    made, get_template = set(), letters.get_template
    monkeypatch.setattr(letters, "get_template", lambda name: made.add(Path(name).stem) or get_template(name))
    write("en")
    paths = (ROOT / "templates" / "notifications" / "mail").glob("[!_]*.txt")
    assert {path.stem for path in paths} - made == set()


def test_a_mail_program_that_knows_little_of_css_or_is_dark_shows_them_too_with_the_words_that_matter(written):
    """Tables hold the text, colours stand with every cell, and nothing comes from elsewhere."""
    for name, mail in written.items():
        page = mail.alternatives[0].content
        assert not re.search(r"<(div|section|script|link|svg|picture|form)\b", page), name
        assert all('role="presentation"' in table for table in re.findall("<table[^>]*>", page)), name
        assert set(re.findall(r'src="(\w+):', page)) <= {"cid"}, name
        assert "url(" not in page, name
        assert "prefers-color-scheme: dark" in page, name
        assert "danger" not in mail.body.lower(), name
    assert "About 12 buildings stand on this ground" in written["alert"].body
    assert all(UNSEEN in written[name].body for name in ("alert", "digest", "confirm"))
    assert "SIMULATED DATA" in written["correction"].body


def test_long_lines_are_broken_for_mail_servers_and_what_a_reader_calls_a_place_becomes_no_markup(subscription):
    for label, in_html in (("x" * 1100, "x" * 1100), ("<b>Mill & Söhne</b>", "&lt;b&gt;Mill &amp; Söhne&lt;/b&gt;")):
        subscription.label = label
        mail = letters.letter(Kind.TEST, about(subscription.email, subscription=subscription))
        content = mail.message().as_bytes(linesep="\r\n")
        assert max(map(len, content.split(b"\r\n"))) <= 998
        page = message_from_bytes(content, policy=policy.default).get_body(("html",)).get_content()
        assert f"<strong>{in_html}</strong>" in page
        assert label in mail.body


def test_far_from_any_town_the_map_shows_the_next_ones(make_alert):
    alert = make_alert(8.54, 47.37)
    layer = ContextLayer.objects.create(kind="places", name="made", file_sha256="0" * 64)
    Place.objects.create(layer=layer, name="Far", search_name="far", population=9, position=Point(9.0, 47.0, srid=4326))
    plan = mail_plan(alert, alert_card(alert))
    assert [name.text for name in plan.names] == ["Far"]
    (mark,) = plan.marks
    assert (mark.x, mark.y) == (pytest.approx(320, abs=1), pytest.approx(plan.height / 2, abs=1))
    assert plan.scale.label == "100 km"


GERMAN = {"Accept-Language": "de"}


@pytest.fixture(autouse=True)
def _kept_in_memory(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def languages() -> dict[str, str]:
    rounds.messages_send()
    return {one.to[0]: one.extra_headers["Content-Language"] for one in mails.outbox}


def test_a_subscription_speaks_the_language_of_its_page_and_mails_without_one_that_of_who_asked():
    with translation.override("es"):
        services.link_request(email="bea@example.org")
    Client().post("/subscribe/", FORM | {"email": "anna@example.org", "time_zone": "Europe/Berlin"}, headers=GERMAN)
    wanted = Subscription.objects.get()
    assert (wanted.language, wanted.time_zone) == ("de", "Europe/Berlin")
    with translation.override("fr"):  # whatever the sender speaks
        assert languages() == {"anna@example.org": "de", "bea@example.org": "es"}
        assert translation.get_language() == "fr"


def test_a_clock_that_there_is_not_is_utc():
    for name in ("", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "x" * 300, "Europe/\0"):
        assert services.time_zone_known(name) == "UTC", name


def test_each_reader_of_the_same_news_gets_their_own_words(make_alert, make_subscription, monkeypatch):
    made = []
    real = cards_module.alert_cards
    monkeypatch.setattr(
        cards_module,
        "alert_cards",
        lambda alerts: real(alerts) if not alerts else made.append(translation.get_language()) or real(alerts),
    )
    for email, language in (("a@x.org", "de"), ("b@x.org", "de"), ("c@x.org", "es"), ("d@x.org", "en")):
        make_subscription(email=email, language=language)
    make_alert()
    tasks.announce_transitions()
    assert languages() == {"a@x.org": "de", "b@x.org": "de", "c@x.org": "es", "d@x.org": "en"}
    assert sorted(made) == ["de", "en", "es"]  # once for each language


def test_a_reader_changes_the_language_of_all_their_mails(make_subscription):
    one, other = make_subscription(), make_subscription()
    path = f"/subscriptions/{tokens.manage_token(one.pk)}/"
    assert 'name="language"' in Client().get(path).content.decode()
    Client().post(path, {"deed": "read", "language": "fr", "time_zone": "Europe/Paris"})
    assert (reread(other).language, other.time_zone) == ("fr", "Europe/Paris")
    Client().post(path, {"deed": "read", "language": "xx", "time_zone": "Nowhere"})
    assert (reread(other).language, other.time_zone) == ("fr", "Europe/Paris")


def test_a_day_is_the_readers_day(make_subscription):
    seen = []
    reader = make_subscription(language="en", time_zone="Pacific/Auckland")
    message = OutgoingMessage(kind="confirm", key="k", address=reader.email, subscription=reader)
    message.news = []
    composer = compose.Composer()
    composer._compose = lambda message: seen.append(timezone.get_current_timezone_name())
    composer(message)
    assert seen == ["Pacific/Auckland"]
