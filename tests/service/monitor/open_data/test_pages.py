"""Published pages: where their links lead, and that one page which fails holds up nothing."""

import re
from pathlib import Path

import pytest

from monitor.open_data.publish import services, tiles
from monitor.open_data.publish.pages import Mirror
from monitor.open_data.publish.targets import Folder

pytestmark = pytest.mark.django_db


@pytest.fixture
def target(tmp_path, monkeypatch) -> Folder:
    monkeypatch.setattr(tiles, "WORLD_ZOOM", 0)
    return Folder(location=tmp_path)


def test_links_lead_to_published_pages_of_the_same_language_else_to_the_service(product, alert, target, settings):
    services.publish(target)
    page = Path(target.path(f"de/alerts/{alert.code}/index.html")).read_text()
    links = re.findall(r'<a[^>]* href="([^"#]+)', page)
    assert {"/de/", "/de/here/", "/de/products/", "/de/alerts/", f"/alerts/{alert.code}/"} <= set(links)
    assert f"{settings.PUBLIC_URL}/subscribe/" in links
    own = {link for link in links if link.startswith("/")}
    assert [link for link in own if not target.exists(f"{link.partition('?')[0]}index.html".lstrip("/"))] == []
    assert [word for word in ("csrfmiddlewaretoken", "nonce=") if word in page] == []


def test_a_page_that_fails_holds_up_neither_the_others_nor_a_withdrawal(product, make_alert, target, monkeypatch):
    fails, stays = make_alert(), make_alert(longitude=-11.0)
    of_alert = Mirror.of_alert

    def failing(self, address):
        return self.answer("/no-such-page/", "en") if fails.code in address else of_alert(self, address)

    monkeypatch.setattr(Mirror, "of_alert", failing)
    with pytest.raises(RuntimeError, match="not published"):
        services.publish(target)
    pages = services.manifest_of(target)["pages"]
    assert (f"/alerts/{stays.code}/" in pages, f"/alerts/{fails.code}/" in pages) == (True, False)
