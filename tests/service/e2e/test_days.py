"""A day of a mayor, a geologist, a GIS department, an administrator and an insurer: from the front page, by clicks."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Page, expect
from shapely import MultiPolygon, box, to_geojson

from detection.alerts.sealed import evidence_seal
from detection.models import Alert
from ground_motion.cli.program import main as verify
from ingest.jobs import services as jobs
from ingest.models import IngestJob, Product
from ingest.products.services import product_delete
from monitor.tasks import announce_breaks, read_lines
from monitor.web.guards import ADMINISTRATORS, OPERATORS
from tests.makers.lines import line_file, load_points
from tests.makers.people import PASSWORD, account
from tests.service.e2e.browsers import (
    deliver,
    downloaded,
    fits,
    link_in,
    sign_out,
    subscribe,
    villages,
    wait_for_map,
)

LABELLED = {"Name of the line": "Coal line", "Width in metres": "6", "Kilometre at which the line begins": "11"}
LABELLED |= {"Limit of differential settlement, mm per metre in a year": "0.5"}


@pytest.fixture(autouse=True)
def reachable(settings, live_server):
    settings.PUBLIC_URL = live_server.url


def press(page: Page, name: str | re.Pattern, within: str = "body") -> None:
    """Click the first link of this name, and check that the page it leads to is no error."""
    link, here = page.locator(within).get_by_role("link", name=name).first, urlsplit(page.url).path
    stays = urlsplit(urljoin(page.url, link.get_attribute("href"))).path == here
    # A map writes where it is into its address, which is a navigation, too.
    with page.expect_navigation(url=lambda url: stays or urlsplit(url).path != here) as led:
        link.click()
    assert led.value is None or led.value.ok, f"{name}: {page.url}"  # None: another place on the same page


def arrive(page: Page, name: str) -> None:
    """Sign in from the front page."""
    page.goto("/")
    press(page, "Sign in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_a_mayor_finds_the_place_asks_for_mails_and_prints_the_answer_for_a_house(
    open_page, mail_server, sinking, tmp_path
):
    page, middle = open_page("desktop"), sinking.area.centroid
    villages(tmp_path, f"Aldwick,{middle.y},{middle.x},2300")
    page.goto("/")
    press(page, "Alerts", ".site-nav")
    press(page, re.compile("Sinking ground"), f"[data-alert-code='{sinking.code}']")
    press(page, "Tell me when this changes")
    page.get_by_label("Your e-mail address").fill("mayor@example.org")
    page.locator(".tell-me-box button").click()
    expect(page.locator("h1")).to_have_text("Check your mailbox")
    deliver()
    page.goto(link_in(mail_server.received[-1], "subscribe/confirm"))
    page.get_by_role("button", name="Yes, send me these mails").click()
    expect(page.locator("h1")).to_have_text("You will hear from us")
    press(page, "Ground Motion Monitor")
    page.get_by_text("Filter and more").click()
    press(page, "Towns and regions")
    press(page, "My house", ".site-nav")
    page.locator("main").get_by_label("Search a place").fill("aldwick")
    page.locator("main").get_by_role("button", name="Search").click()
    expect(page.locator(".verdict")).to_contain_text("mm a year")
    press(page, "Tell me when this changes")
    expect(page.locator("[name=latitude]")).not_to_have_value("")
    page.go_back()
    press(page, "Report to print")
    expect(page.locator("h1")).to_have_text("How the ground moves here")


def test_the_owner_of_a_railway_gives_the_line_and_takes_home_the_kilometre_of_its_break(
    open_page, mail_server, tmp_path
):
    page = open_page("desktop")
    load_points(tmp_path)
    page.goto("/")
    press(page, "Subscribe", ".site-nav")
    page.get_by_text("Coordinates").click()
    page.get_by_label("Latitude, north positive").fill("50.012")
    page.get_by_label("Longitude, east positive").fill("15.02")
    subscribe(page, mail_server, "rail@example.org")
    press(page, "My subscriptions", "main")
    press(page, "Organisations", "main")
    page.get_by_label("Its name").fill("Coal Railway")
    page.get_by_role("button", name="Found it").click()
    press(page, "Railways, dikes, pipes and roads", "main")
    track = tmp_path / "rail.geojson"
    track.write_bytes(line_file())
    for name, value in LABELLED.items():
        page.get_by_label(name).fill(value)
    page.get_by_label("File of the line").set_input_files(track)
    page.get_by_role("button", name="Add the line").click()
    expect(page.get_by_role("status")).to_contain_text("No result yet")
    read_lines()
    announce_breaks()
    deliver()
    assert "km 12.4" in mail_server.received[-1]["Subject"]
    page.goto(link_in(mail_server.received[-1], "subscriptions"))
    expect(page.locator(".lead")).to_contain_text("beyond your limit, at 1 place")
    expect(page.get_by_role("img", name="Displacement by kilometre and date")).to_be_visible()
    expect(page.get_by_role("row").nth(1)).to_contain_text("km 12.4")
    assert fits(page)
    for name, words in (("Steps (CSV)", "12.4"), ("Profile (CSV)", "11.0125")):
        assert words in downloaded(page, name).read_text()
    press(page, "On the map", "main")
    wait_for_map(page)


def test_a_geologist_confirms_a_case_and_reads_it_as_the_public_does(page, watched_region):
    account("anna", OPERATORS)
    arrive(page, "anna")
    press(page, "Review", ".account")
    press(page, "Open the first case")
    code = re.search(r"/review/(\w+)/", page.url)[1]
    wait_for_map(page)
    form = page.locator("details[data-key=c]")
    form.locator("summary").click()
    for reason in form.get_by_role("radio").all()[:1]:
        reason.check()
    form.get_by_role("button", name="Confirm").click()
    expect(page.locator(".recorded")).to_contain_text(code)
    for name in ("Events", "Jobs"):
        press(page, name, ".account")
    press(page, "Alerts", ".site-nav")
    press(page, re.compile("ground|slope", re.IGNORECASE), f"[data-alert-code='{code}']")
    expect(page.locator("[data-glance=state]")).to_have_text("confirmed")
    press(page, "Report to print")
    press(page, "Back to the page")
    press(page, "Show it on the main map")
    wait_for_map(page)
    page.get_by_text("Filter and more").click()
    press(page, "Open in the workbench")
    expect(page.locator("#extent")).to_contain_text("points")
    sign_out(page)


def test_a_gis_department_finds_every_address_and_takes_the_points_of_its_ground(page, watched_region):
    page.goto("/")
    press(page, "For programs")
    links = page.locator("main a[href^='/']").evaluate_all("all => [...new Set(all.map((one) => one.href))]")
    answers = {link: page.request.get(link).status for link in links}
    assert len(answers) > 10
    assert [link for link, status in answers.items() if status != 200] == []
    for link in ("Show on the map", "Open in the workbench"):
        press(page, "Data", ".site-nav")
        press(page, re.compile("^Open"), "main td.take")
        press(page, link)
    expect(page.locator("#extent")).to_contain_text("points")
    press(page, "Alerts", ".site-nav")
    for name in ("Feed", "GeoJSON"):
        link = page.locator("main").get_by_role("link", name=name, exact=True)
        assert page.request.get(link.get_attribute("href")).ok, name
    code = Alert.objects.filter(kind="subsidence").first().code
    press(page, re.compile("Sinking ground"), f"[data-alert-code='{code}']")
    press(page, "Points as a file")
    counted = re.compile(r"([\d,]+) measurement points in \d+ data set")
    expect(page.locator("#preview")).to_contain_text(counted)
    n_points = int(counted.search(page.locator("#preview").inner_text())[1].replace(",", ""))
    with closing(sqlite3.connect(downloaded(page, "Download", "button"))) as file:
        layers = [name for (name,) in file.execute("SELECT layer FROM data_sets")]
        rows = [file.execute(f"SELECT count(*) FROM {layer}").fetchone()[0] for layer in layers]
    assert sum(rows) == n_points > 0


def test_an_administrator_adds_data_and_invites_somebody_who_comes_and_is_sent_away(
    open_page, settings, mail_server, make_egms, tmp_path, monkeypatch
):
    settings.UPLOAD_DIR = str(tmp_path / "uploads")
    monkeypatch.setattr(jobs, "job_announce", lambda job_id: None)  # the test carries the job out
    account("anna", ADMINISTRATORS, is_staff=True, is_superuser=True)
    page, other = open_page("desktop"), open_page("phone")
    arrive(page, "anna")
    press(page, "Add data", ".account")
    page.get_by_label("Choose files").set_input_files(make_egms(n=30))
    page.get_by_role("button", name="Send").click()
    expect(page.locator("[data-job]")).to_contain_text("waiting")
    jobs.job_execute(job_id=IngestJob.objects.get().pk)
    expect(page.locator("[data-job]")).to_contain_text("loaded, 30 points")
    press(page, "EGMS L2b, track 117")
    press(page, "Jobs", ".account")
    press(page, "anna", ".account")
    press(page, "All accounts")
    page.get_by_label("E-mail address").fill("ben@example.org")
    page.get_by_role("button", name="Send the invitation").click()
    expect(page.get_by_role("status")).to_contain_text("ben@example.org")
    deliver()
    other.goto(link_in(mail_server.received[-1], "accounts/join"))
    other.get_by_label("Name").fill("ben")
    for label in ("Password", "The password again"):
        other.get_by_label(label, exact=True).fill(PASSWORD)
    other.get_by_role("button", name="Make the account").click()
    expect(other.get_by_role("button", name="Sign out")).to_be_visible()
    page.reload()
    page.get_by_role("button", name="Deactivate ben").click()
    expect(page.get_by_role("button", name="Let in again ben")).to_be_visible()
    other.reload()
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    product_delete(product=Product.objects.get())


def choose_portfolio(page: Page, path: Path) -> None:
    page.get_by_text("Boundary file", exact=True).click()
    page.locator("#boundary").set_input_files(path)
    page.locator("[name=unreviewed]").check()


def test_an_insurer_watches_a_portfolio_and_checks_the_sealed_evidence_of_an_alert(
    page, mail_server, watched_region, tmp_path, capsys
):
    alert = Alert.objects.filter(kind="subsidence", extent="local").order_by("peak_rate_mm_yr").first()
    sealed = evidence_seal(alert=alert)
    portfolio, (x, y) = tmp_path / "portfolio.geojson", alert.area.centroid.coords
    portfolio.write_text(to_geojson(MultiPolygon([box(x, at, x + 0.01, at + 0.01) for at in (y, y + 0.1)])))
    page.goto("/")
    press(page, "Subscribe", ".site-nav")
    choose_portfolio(page, portfolio)
    subscribe(page, mail_server, "insurer@example.org")
    press(page, "My subscriptions", "main")
    press(page, "Organisations")
    page.get_by_label("Its name").fill("Westland Insurance")
    page.get_by_role("button", name="Found it").click()
    press(page, "Add a place for all")
    choose_portfolio(page, portfolio)
    page.get_by_role("button", name="Save").click()
    press(page, "Alerts at your places")
    press(page, re.compile("Sinking ground"), "main")
    with page.expect_download() as got:
        page.get_by_role("link", name="Evidence to check").click()
    assert got.value.suggested_filename == f"{alert.code}.zip"
    assert verify(["verify", str(got.value.path()), "--seal", sealed.seal[:16]]) == 0
    assert capsys.readouterr().out.endswith("verified\n")
    press(page, "Report to print")
    assert " ".join(sealed.seal[at : at + 4] for at in range(0, 16, 4)) in page.locator("main").inner_text()
