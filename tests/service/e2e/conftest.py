"""What tests in a browser may ask for besides the fixtures of everybody."""

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, BrowserType, Page, expect, sync_playwright

from detection.models import Alert
from ml.models import Prediction
from monitor.web.guards import OPERATORS
from tests.makers import pairs as made_pairs
from tests.makers.people import account
from tests.service.e2e.browsers import FLAGS, READY_MS, SIZES, WINDOWLESS, watch

expect.set_options(timeout=READY_MS)
# The processor draws maps and charts in place of a graphics card: half the resolution is a quarter of the work.
COARSE = "Object.defineProperty(window, 'devicePixelRatio', { value: 0.5 })"


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark every test of this folder but those of scripts/demo: it drives a browser, which reads what is committed."""
    if item.get_closest_marker("demo") is None:
        item.add_marker(pytest.mark.browser)
        item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.fixture(scope="session")
def chromium() -> Iterator[BrowserType]:
    with sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="session")
def browser(chromium) -> Iterator[Browser]:
    with chromium.launch(executable_path=WINDOWLESS, args=FLAGS) as started:
        yield started


@pytest.fixture
def open_page(browser, live_server) -> Iterator[Callable[..., Page]]:
    """Open pages, desktop or phone; a failing script, a missing file or another host fails the test.

    Maps do not fly unless a test says so: a flight is a hundred pictures, each drawn without a graphics card. Canvases
    are coarse unless a test that looks at their colours asks for `sharp` ones.
    """
    contexts, faults = [], []

    def make(size: str, *, sharp: bool = False, **options) -> Page:
        usual = {"viewport": SIZES[size], "base_url": live_server.url, "reduced_motion": "reduce"}
        contexts.append(browser.new_context(**usual | options))
        if not sharp:
            contexts[-1].add_init_script(COARSE)
        contexts[-1].set_default_timeout(READY_MS)
        page = contexts[-1].new_page()
        watch(page, faults)
        return page

    yield make
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def page(open_page) -> Page:
    """Return a page as wide as a desktop's."""
    return open_page("desktop")


@pytest.fixture
def operator(transactional_db) -> User:
    return account("anna", OPERATORS)


@pytest.fixture
def sinking(watched_region) -> Alert:
    """The alert of the simulated region whose ground sinks fastest."""
    return Alert.objects.filter(kind="subsidence").order_by("peak_rate_mm_yr").first()


@pytest.fixture
def pair_predictions(transactional_db) -> list[Prediction]:
    """Three simulated images twelve days apart: coherence, its change and offsets of both pairs, in that order."""
    return made_pairs.make_dates()
