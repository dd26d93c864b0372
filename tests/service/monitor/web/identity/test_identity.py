"""A site under another name: pages, mails, feeds and programs say it; its pages and its logo are served."""

from dataclasses import replace
from pathlib import Path

import pytest

from monitor.models.messages import OutgoingMessage
from monitor.notifications.mail import letters
from monitor.web.identity.site_file import Site
from tests.makers.people import words
from tests.makers.regions import make_region

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[5]
PRODUCT, NAME = "Ground Motion Monitor", 'Survey & "Sons"'
SVG = '<svg xmlns="http://www.w3.org/2000/svg"/>'


@pytest.fixture
def site(settings, tmp_path) -> Site:
    (tmp_path / "logo.svg").write_text(SVG)
    settings.SITE = replace(
        Site(),
        name=NAME,
        logo=tmp_path / "logo.svg",
        accent="#7a1f3d",
        accent_dark="#f0a3b8",
        imprint={"en": "First line\n\nmotion@example.org", "de": "https://www.example.org/impressum"},
    )
    return settings.SITE


def test_no_template_and_no_text_has_the_product_s_name():
    paths = [path for path in (ROOT / "templates").rglob("*") if path.is_file()]
    paths += (ROOT / "locale").rglob("*.po")
    assert [str(path) for path in paths if PRODUCT in path.read_text()] == []


def test_pages_feeds_and_programs_say_the_name(client, site, alert):
    region = make_region("Westshore").slug
    pages = ["/", "/alerts/", alert.get_absolute_url(), f"{alert.get_absolute_url()}report/", "/login/", "/none/"]
    for address in [
        *pages,
        f"/embed/regions/{region}/",
        "/alerts.atom",
        "/cap.atom",
        "/ogc/wms?REQUEST=GetCapabilities",
    ]:
        text = client.get(address).content.decode()
        assert "Survey &amp; " in text, address
        assert PRODUCT not in text, address
    assert client.get("/ogc/").status_code == 200


def test_colours_and_logo_are_on_pages_and_on_paper(client, site, alert):
    for address in ("/", f"{alert.get_absolute_url()}report/"):
        text = client.get(address).content.decode()
        assert ":root{--accent:#7a1f3d;" in text
        assert 'src="/logo?v=' in text
    answer = client.get("/logo")
    assert (answer["Content-Type"], answer.content.decode()) == ("image/svg+xml", SVG)


def test_a_site_without_a_file_has_no_style_and_no_logo_of_its_own(client):
    assert "<style>" not in client.get("/about/").content.decode()
    assert client.get("/logo").status_code == 404


def test_mails_say_the_name_as_it_is_written(site, subscription):
    mail = letters.letter("link", OutgoingMessage(key="made", address=subscription.email))
    assert f"asked what {NAME} holds about this address" in mail.body
    html = mail.alternatives[0].content
    assert "Survey &amp; &quot;Sons&quot;" in html
    assert "color:#7a1f3d" in html
    assert PRODUCT not in mail.body + html


def test_a_page_has_the_text_of_the_site_or_leads_to_its_address(client, site):
    page = client.get("/imprint/")
    assert '<a href="mailto:motion@example.org">' in page.content.decode()
    assert client.get("/imprint/?language=de")["Location"].startswith("https://www.example.org/impressum")
    assert client.get("/imprint/?language=fr").status_code == 200
    assert client.get("/contact/").status_code == 404
    footer = words(client.get("/about/"))
    assert "Imprint" in footer
    assert "Contact" not in footer


def test_text_of_a_page_is_no_markup(client, settings):
    settings.SITE = replace(Site(), contact={"": "<script>alert(1)</script>"})
    assert "<script>alert" not in client.get("/contact/").content.decode()


def test_without_a_statement_the_page_says_what_is_known_of_the_software(client, settings):
    said = words(client.get("/accessibility/"))
    assert "have published no statement of their own" in said
    assert "named no contact" in said
    settings.SITE = replace(Site(), contact={"": "Room 3"})
    assert "Write to those who run this site" in words(client.get("/accessibility/"))


@pytest.mark.parametrize("first", ["de", "fr"])
def test_a_language_that_is_off_is_neither_offered_nor_answered(client, settings, first):
    settings.LANGUAGES, settings.LANGUAGE_CODE = [(first, first), ("es", "es")], first
    page = client.get("/about/", headers={"Accept-Language": "en"}).content.decode()
    assert f'<html lang="{first}">' in page
    assert 'hreflang="en"' not in page
    assert client.get("/about/?language=en")["Content-Language"] == first
    assert f"/words/{first}/" in client.get("/").content.decode()
