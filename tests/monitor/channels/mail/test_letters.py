"""Every kind of mail says the same as text and as HTML, and can be read in the dark."""

import html
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from detection.models import AlertExposure
from detection.rules.updates import Cause, Change
from monitor.cards.cards import alert_card
from monitor.channels.bursts import Burst
from monitor.channels.mail import compose, letters
from monitor.channels.mail.letters import News
from monitor.management.samples.alerts import step, update

UNSEEN = "Over most of this region we would probably notice ground that moves faster than about 4 mm a year."
FRAME = {"ground motion monitor", "if the button does not work:"}  # HTML alone has a head, and a link for its button
ADDRESS = re.compile(r"https?://\S+")


def plain(text: str) -> str:
    return " ".join(ADDRESS.sub("", html.unescape(text)).split()).lower()


def lines_of_html(page: str) -> list[str]:
    """The text of every paragraph and heading."""
    body = page[page.index("<body") :]
    paragraphs = re.findall(r"<p\b.*?</p>", body, flags=re.DOTALL)
    return [line for one in paragraphs for line in plain(re.sub("<[^>]+>", "", one)).split(" · ")]


def lines_of_text(text: str) -> list[str]:
    return [plain(re.sub(r"^(\* |=== | {2}|-- $)| ===$", "", line)).removesuffix(":") for line in text.splitlines()]


@pytest.fixture
def written(make_alert, make_subscription, monkeypatch) -> dict[str, object]:
    """A mail of every kind, of alerts with everything that can be said."""
    monkeypatch.setattr(letters, "visibility_sentence", lambda region: UNSEEN)
    one, other = make_subscription(), make_subscription(label="the place of alert AB12")
    alert = make_alert(class_shares={"mining_subsidence": 0.7}, kind="mining-subsidence", peak_rate_mm_yr=-30.0)
    AlertExposure.objects.create(alert=alert, buildings=12, sources=[])
    rejected = make_alert(state="rejected", simulated=True, longitude=-11.9)
    card, wrong = alert_card(alert), alert_card(rejected)
    first, changed = step(alert, "", "first"), update(alert, Change(Cause.RATE, -8.2, -14.1, "mm/yr", "up"))
    finished, taken_back = step(alert, "first", "finished"), step(rejected, "first", "rejected")
    about = {"key": "k", "card": card, "subscriptions": [one, other]}
    person = SimpleNamespace(pk=1, email="a@example.org", get_role_display="operator")
    monkeypatch.setattr(letters, "default_token_generator", SimpleNamespace(make_token=lambda account: "token"))
    return {
        "alert": letters.alert_mail(**about, transition=first, unseen=UNSEEN),
        "update": letters.alert_mail(**about, transition=changed, unseen=""),
        "finished": letters.alert_mail(**about, transition=finished, unseen=UNSEEN),
        "correction": letters.correction_mail(**about | {"card": wrong}, transition=taken_back),
        "digest": letters.digest_mail(
            key="k", places=[(one, [News(card, (first, changed))]), (other, [News(wrong, (taken_back,))])]
        ),
        "summary": letters.digest_mail(
            key="k",
            places=[(one, [News(replace(card, code=f"A{n:03}"), (first,), ("the street",)) for n in range(12)])],
            burst=Burst.NEW_MODEL,
        ),
        "test": letters.test_mail(key="k", subscription=one),
        "sign": letters.sign_mail(key="k", subscriptions=[one, other]),
        "confirm": letters.confirm_mail(key="k", subscription=one),
        "link": letters.link_mail(key="k", email=one.email, subscription=one),
        "nothing held": letters.link_mail(key="k", email="b@example.org", subscription=None),
        "invitation": letters.invitation_mail(key="k", invitation=person),
        "password": letters.password_mail(key="k", email=person.email, account=person),
    }


def test_text_and_html_say_the_same(written):
    for name, mail in written.items():
        page, text = mail.alternatives[0].content, mail.body
        in_html, in_text = plain(re.sub("<[^>]+>", "", page[page.index("<body") :])), plain(text)
        assert [line for line in lines_of_html(page) if line not in in_text and line not in FRAME] == [], name
        assert [line for line in lines_of_text(text) if line not in in_html] == [], name


def test_every_mail_has_colours_for_the_dark_and_the_words_that_matter(written):
    for mail in written.values():
        assert "prefers-color-scheme: dark" in mail.alternatives[0].content
        assert "danger" not in mail.body.lower()
    told = written["alert"].body
    assert "Likely cause: mining, as in about 7 of 10 such places." in told
    assert "About 12 buildings stand on this ground" in told
    assert "The fastest part sank by up to 30 mm a year" in told
    assert UNSEEN in told
    assert UNSEEN in written["digest"].body
    assert UNSEEN in written["confirm"].body
    assert "SIMULATED DATA" in written["correction"].body


def test_what_is_not_seen_around_an_alert_is_worked_out_once_for_all_its_readers(make_alert, monkeypatch):
    asked, alert = [], make_alert()
    monkeypatch.setattr(compose, "visibility_around", lambda area: asked.append(area) or UNSEEN)
    composer = compose.Composer()
    assert {composer.unseen_around(alert) for _ in range(3)} == {UNSEEN}
    assert len(asked) == 1
