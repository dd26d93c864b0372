"""An operator compares the two images of a pair: swipe, flicker, difference, results, and a closer look."""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from ingest.models import Scene
from tests.makers import pairs as made_pairs
from tests.service.e2e.browsers import either_size, fits, fits_any_window, sign_in

FINE_M = 2.5  # pixels so small that the whole image is more than a picture holds
ROWS, COLS = 2560, 3200
DARK, BRIGHT = "dark", "bright"


@pytest.fixture(scope="module")
def speckle(tmp_path_factory) -> list[Path]:
    """Two images of speckle: dark the first, bright the second."""
    folder, images = tmp_path_factory.mktemp("speckle"), []
    for number in range(2):
        power = np.random.default_rng(number).gamma(4, 0.01 * 30**number, size=(ROWS, COLS))
        images.append(made_pairs.write_power(folder / f"{number}.tif", power, FINE_M))
    return images


@pytest.fixture
def pair(operator, pair_predictions, speckle):
    """A pair of speckle: dark in the earlier image, bright in the later one."""
    pair = pair_predictions[0].run.pair
    fine = {"rows": ROWS, "cols": COLS, "grid": list(made_pairs.raster_transform(FINE_M))[:6]}
    Scene.objects.filter(pk__in=[pair.reference_id, pair.secondary_id]).update(posting_m=FINE_M, **fine)
    type(pair).objects.filter(pk=pair.pk).update(**fine)
    pair = type(pair).objects.get(pk=pair.pk)
    for scene, image in zip((pair.reference, pair.secondary), speckle, strict=True):
        made_pairs.give_image(scene, image)
    assert Scene.objects.exclude(raster="").count() == 2
    return pair


def open_pair(page: Page, pair) -> None:
    sign_in(page, f"/pairs/{pair.pk}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Radar images of 1 and 13 December 2021, 12 days apart")


def choose(page: Page, mode: str) -> None:
    page.locator(".modes label", has_text=mode).click()


def ready(page: Page, layers: str) -> None:
    expect(page.locator("#picture")).to_have_attribute("data-drawn", layers)
    page.wait_for_load_state("networkidle")


def shows(page: Page, share: float, grey: str) -> None:
    """Wait until a patch of the canvas at a share of its width, in the middle of its height, is dark or bright."""
    page.wait_for_function(
        """([share, grey]) => {
            const canvas = document.getElementById("picture");
            const x = Math.round(canvas.width * share) - 10, y = Math.round(canvas.height / 2) - 10;
            const { data } = canvas.getContext("2d").getImageData(x, y, 20, 20);
            const mean = data.filter((_, i) => i % 4 === 0).reduce((sum, one) => sum + one, 0) / 400;
            return grey === "bright" ? mean > 128 : mean < 128;
        }""",
        arg=[share, grey],
    )


@either_size
def test_the_line_between_the_images_moves_by_hand_and_by_key(page, pair):
    open_pair(page, pair)
    ready(page, "reference secondary")
    shows(page, 0.3, DARK)
    shows(page, 0.7, BRIGHT)
    slider = page.get_by_role("slider", name="Where the two images meet")
    slider.fill("20")
    shows(page, 0.3, BRIGHT)
    slider.press("End")
    shows(page, 0.7, DARK)
    expect(slider).to_have_attribute("aria-valuetext", re.compile("100 percent 1 Dec 2021"))
    slider.fill("50")
    canvas = page.locator("#picture")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, middle, steps=4)
    page.mouse.up()
    expect(slider).to_have_value(re.compile("^2[45]$"))
    assert fits(page)


def test_the_flicker_starts_only_by_hand_and_stops(open_page, pair):
    page = open_page("phone")
    page.clock.install()
    open_pair(page, pair)
    choose(page, "Flicker")
    ready(page, "reference secondary")
    button = page.locator("#flicker")
    expect(button).to_have_attribute("aria-pressed", "false")
    shows(page, 0.5, DARK)
    page.clock.fast_forward("00:05")
    shows(page, 0.5, DARK)
    page.get_by_role("button", name="Show the other image").click()
    expect(page.locator("#right-day")).to_have_text("13 Dec 2021")
    shows(page, 0.5, BRIGHT)
    page.get_by_label("Changes a second").select_option("3")
    page.locator("#picture").focus()
    page.keyboard.press("f")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#left-day")).to_have_text("1 Dec 2021")
    expect(page.locator("#right-day")).to_have_text("13 Dec 2021")
    page.keyboard.press("F")
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(button).to_contain_text("Start")


def test_a_closer_look_fetches_a_finer_window(page, pair):
    open_pair(page, pair)
    ready(page, "reference secondary")
    expect(page.locator("#picture-status")).to_contain_text("The whole image")
    with page.expect_response(re.compile(r"/image/secondary\.png\?row=\d+&col=\d+&rows=\d+&cols=\d+")) as answer:
        for _ in range(7):
            page.get_by_role("button", name="Zoom in").click()
    parameters = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", answer.value.url)}
    assert parameters["rows"] < ROWS or parameters["cols"] < COLS
    assert answer.value.ok
    expect(page.locator("#picture-status")).to_contain_text(
        "A part of the image is in view. Every pixel of 2.5 m is shown."
    )
    page.get_by_role("button", name="Show the whole image").click()
    expect(page.locator("#picture-status")).to_contain_text("The whole image")


def test_keys_zoom_and_move_the_picture_and_the_wheel_does_once_it_has_the_focus(page, pair):
    open_pair(page, pair)
    ready(page, "reference secondary")
    page.locator("#picture").scroll_into_view_if_needed()
    page.locator("#picture").hover()
    page.mouse.wheel(0, -100)
    expect(page.locator("#picture-status")).to_contain_text("The whole image")
    page.locator("#picture").focus()
    window, asked = re.compile(r"/image/reference\.png\?row=\d+&col=(\d+)"), []
    page.on("request", lambda request: asked.extend(window.findall(request.url)))
    for _ in range(5):
        page.keyboard.press("+")
    expect(page.locator("#picture-status")).to_contain_text("A part of the image")
    # A window is asked for when the keys rest; on a busy machine that may be between two of them, too.
    page.evaluate("new Promise((done) => setTimeout(done, 500))")
    with page.expect_response(window):
        page.keyboard.press("ArrowRight")
    assert int(asked[-2]) < int(asked[-1])
    page.keyboard.press("0")
    expect(page.locator("#picture-status")).to_contain_text("The whole image")
    expect(page.get_by_role("button", name="Zoom out")).to_be_disabled()
    page.mouse.wheel(0, -300)
    expect(page.locator("#picture-status")).to_contain_text("A part of the image")


def test_difference_and_results_say_what_their_colours_mean(open_page, pair):
    page = open_page("phone")
    open_pair(page, pair)
    choose(page, "Difference")
    ready(page, "ratio")
    expect(page.locator("[data-for=difference]")).to_contain_text("brighter in the second image")
    choose(page, "Results")
    chosen = page.get_by_label("What a model found")
    layer = chosen.input_value()
    ready(page, f"reference {layer}")
    expect(page.locator(f"[data-legend={layer}]")).to_contain_text("stayed the same")
    chosen.select_option(label="Speed of fast motion (made offsets 1)")
    expect(page.locator("[data-legend]:visible")).to_contain_text("m a day")
    assert fits(page)
    choose(page, "Side by side")
    expect(page.get_by_role("img", name="Radar image of 1 December 2021")).to_be_visible()
    expect(page.locator("#picture")).to_be_hidden()


def test_without_javascript_the_images_stand_side_by_side(open_page, pair):
    page = open_page("desktop", java_script_enabled=False)
    open_pair(page, pair)
    for name in ("Radar image of 1 December 2021", "Radar image of 13 December 2021"):
        expect(page.get_by_role("img", name=name)).to_be_visible()
    expect(page.locator("#viewer")).to_be_hidden()
    loaded = page.locator("#stills img").first
    loaded.scroll_into_view_if_needed()
    expect(page.get_by_text("Red: brighter in the second image")).to_be_visible()


def test_the_lists_fit_the_screen_and_lead_to_the_pair(page, pair):
    open_pair(page, pair)
    page.get_by_role("link", name="Images", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Radar images")
    for tab in ("Images", "Pairs"):
        with page.expect_navigation():  # else the old page, or none yet, may be what is measured
            page.get_by_role("navigation", name="Images and pairs").get_by_role("link", name=re.compile(tab)).click()
        assert fits_any_window(page)
    page.get_by_role("link", name="1 and 13 December 2021").click()
    expect(page).to_have_url(re.compile(rf"/pairs/{pair.pk}/$"))
