"""Everybody can read the pages: no violation of WCAG 2.2 AA that axe-core finds, light and dark; they fit a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from django.urls import get_resolver, reverse
from django.utils import timezone

from detection.models import Alert
from ingest.models import Product
from monitor.models.messages import Bulletin
from monitor.subscribers.subscriptions import tokens
from tests.makers.bulletins import made_draft
from tests.makers.lines import load_points, make_line, read
from tests.makers.organisations import make_organisation
from tests.makers.regions import make_region
from tests.service.e2e.browsers import fits_any_window

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
IN_THE_DARK = RULES | {"runOnly": {"type": "rule", "values": ["color-contrast"]}}  # nothing else is a matter of colours


def pages_without_arguments() -> list[str]:
    """The addresses of all public pages that need nothing named."""
    addresses = [f"/{entry.pattern}" for entry in get_resolver().url_patterns if "<" not in str(entry.pattern)]
    return [address for address in addresses if _is_page(address)]


def _is_page(address: str) -> bool:
    answer = Client().get(address)
    return answer.status_code == 200 and answer["Content-Type"].startswith("text/html")


@pytest.mark.long
def test_no_page_breaks_a_rule_of_accessibility(page, live_server, watched_region, make_subscription, tmp_path):
    pages = pages_without_arguments()
    assert {"/", "/alerts/", "/about/", "/subscribe/", "/login/"} <= set(pages)
    alert, region = Alert.objects.order_by("pk")[0].get_absolute_url(), make_region("Mid Isle", simulated=True).slug
    pages += [alert, f"{alert}report/", f"/products/{Product.objects.order_by('pk')[0].pk}/"]
    pages += [f"/regions/{region}/", f"/regions/{region}/report/", f"/embed/regions/{region}/"]
    make_subscription("owner@example.org")
    (owner,) = make_organisation("owner@example.org")
    load_points(tmp_path)
    line = make_line(owner)
    read(line)
    bulletin = made_draft(Product.objects.order_by("pk")[0])
    Bulletin.objects.filter(pk=bulletin.pk).update(signed_at=timezone.now())
    pages += [reverse(name, args=[bulletin.pk]) for name in ("bulletin-detail", "bulletin-report")]
    here = [tokens.member_token(owner.pk), owner.organisation_id]
    pages += [reverse("organisation-lines", args=here), reverse("organisation-line", args=[*here, line.pk])]
    axe, broken = Axe(), []
    for address in pages:
        page.goto(f"{live_server.url}{address}", wait_until="load")
        for theme, rules in (("light", RULES), ("dark", IN_THE_DARK)):
            page.emulate_media(color_scheme=theme)
            for violation in axe.run(page, options=rules).response["violations"]:
                places = [node["target"][0] for node in violation["nodes"]]
                broken.append(f"{address} ({theme}): {violation['id']} at {places[:3]}")
        assert fits_any_window(page), address
    assert broken == []
