"""A house or street: the menu leads there, Enter answers on the page itself, and the first screen holds the answer."""

import re

import pytest
from playwright.sync_api import expect

from detection.kinds import Kind
from detection.models import Alert
from tests.service.e2e.browsers import SIZES, out_of_window, villages, wait_for_map

ANSWER = ("sentence", "curve", "map")


@pytest.fixture
def village(watched_region, tmp_path) -> str:
    """The name of a village in the simulated country, on the ground of an alert."""
    place = Alert.objects.filter(kind=Kind.SUBSIDENCE).first().area.point_on_surface
    villages(tmp_path, f"Aldwick,{place.y},{place.x},2300")
    return "Aldwick"


def test_from_the_menu_a_name_and_enter_are_answered_on_the_first_screen_and_a_press_asks_for_another_place(
    page, village
):
    page.goto("/about/")
    page.get_by_role("link", name="My house", exact=True).click()
    wait_for_map(page)
    page.get_by_label("Search a place").fill(village)
    page.get_by_label("Search a place").press("Enter")
    expect(page).to_have_url(re.compile(r"/here/\?lat=.+&lon="))
    for size in SIZES.values():
        page.set_viewport_size(size)
        wait_for_map(page)
        assert out_of_window(page, ANSWER) == []
    asked = page.url
    page.locator("#here-map canvas").click(position={"x": 60, "y": 200})
    page.wait_for_url(lambda url: url != asked)
    expect(page.locator("[data-glance=sentence]")).to_be_visible()


def test_without_scripts_list_search_and_form_answer(open_page, village):
    page = open_page("desktop", java_script_enabled=False)
    page.goto("/alerts/")
    page.get_by_role("link", name=re.compile("Rising ground")).first.click()
    expect(page.locator(".verdict")).to_contain_text("The ground here rose")
    page.goto("/")
    page.get_by_label("Search a place").fill(village)
    page.get_by_role("button", name="Search").click()
    link = page.get_by_role("link", name=village, exact=True)
    expect(link).to_have_attribute("href", re.compile("bbox="))
    below = page.get_by_role("link", name="Back to the map")
    assert link.bounding_box()["y"] < below.bounding_box()["y"]  # The link keeps its place.
    page.set_viewport_size(SIZES["phone"])
    page.goto("/here/")
    page.get_by_label("Search a place").fill(village)
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(re.compile(r"/here/\?q="))
    expect(page.locator("[data-glance=sentence]")).to_be_visible()
    expect(page.locator("#here-map .plan")).to_be_visible()
