"""Cards: a small picture of each alert that the server draws once, and at most 25 words beside it."""

import re
from io import BytesIO
from xml.etree import ElementTree

import pytest
from django.template.loader import render_to_string
from PIL import Image

from detection.kinds import Kind
from detection.models import Alert
from monitor.maps.imaging.plan_pictures import CardDrawing, colour
from monitor.maps.imaging.plans import Shape
from monitor.maps.map import plans
from monitor.maps.map.plans import MAX_BYTES, card_png, card_svg
from monitor.wording.families.voice import Headline

pytestmark = pytest.mark.django_db
MAX_WORDS = 25
SVG = "{http://www.w3.org/2000/svg}"


def words_of(html: str) -> list[str]:
    text = re.sub(r'<span class="visually-hidden">.*?</span>', " ", html)
    return [word for word in re.sub(r"<[^>]+>", " ", text).split() if re.search(r"\w", word)]


def test_a_picture_has_outline_points_and_curve_in_few_bytes_and_is_drawn_once(
    client, watched_region, django_assert_max_num_queries
):
    for alert in Alert.objects.all():
        answer = client.get(f"{alert.get_absolute_url()}card.svg")
        assert answer["Content-Type"] == "image/svg+xml"
        assert len(answer.content) <= MAX_BYTES
        drawn = [one.get("class") for one in ElementTree.fromstring(answer.content).iter() if one.get("class")]
        assert {"area", "dots", "curve"} <= set(drawn)
        again = client.get(f"{alert.get_absolute_url()}card.svg", headers={"if-none-match": answer["ETag"]})
        assert again.status_code == 304
        with django_assert_max_num_queries(1):
            assert card_svg(alert) == answer.content


def test_a_mail_has_the_same_picture_with_its_points_and_curve(watched_region):
    for alert in Alert.objects.all():
        content, drawn = card_png(alert), ElementTree.fromstring(card_svg(alert))
        assert len(content) <= MAX_BYTES
        picture = Image.open(BytesIO(content)).convert("RGB")
        assert picture.size == (320, 264)
        for one in drawn.iter(f"{SVG}path"):
            if one.get("class") == "dots":
                dots = [(8 * int(col) + 4, 8 * int(row) + 4) for col, row in re.findall(r"M(\d+) (\d+)", one.get("d"))]
                seen = [is_near(picture.getpixel(at), one.get("stroke")[6:-1]) for at in dots]
                assert sum(seen) >= len(seen) / 3, "the outline lies over some dots"
            if one.get("class") == "curve":
                x, y = (int(number) // 2 for number in re.findall(r"L(\d+) (\d+)", one.get("d"))[0])
                assert is_near(picture.getpixel((x, y)), "accent")


def is_near(pixel: tuple[int, int, int], token: str) -> bool:
    return max(abs(a - b) for a, b in zip(pixel, colour(token), strict=True)) <= 12


def test_every_kind_has_a_picture(client, make_alert):
    none = {"component": "", "rate_mm_yr": None, "peak_rate_mm_yr": None, "rate_sigma_mm_yr": None}
    speed = {"speed_m_day": 1.4, "speed_sigma_m_day": 0.1, "bearing_deg": 118.0}
    change = {"coherence_before": 0.74, "coherence_after": 0.35, "change_sigma": -4.9}
    for alert in (make_alert(), make_alert(kind=Kind.MOVING_GROUND, **none, **speed), make_alert(source="person")):
        ElementTree.fromstring(client.get(f"{alert.get_absolute_url()}card.svg").content)
    changed = make_alert(kind=Kind.SURFACE_CHANGE, **none, **change)
    assert client.get(f"{changed.get_absolute_url()}card.svg").content.count(b'class="whole"') == 2


def test_a_card_has_few_words_the_table_sorts_by_its_headings_and_small_pictures_stand_by_kind(
    client, watched_region, make_alert
):
    make_alert(kind="fill-or-quarry", state="provisional", simulated=True)
    page = client.get("/alerts/").content.decode()
    cards = re.findall(r"<article.*?</article>", page, flags=re.DOTALL)
    assert len(cards) == Alert.objects.count()
    assert [words_of(card) for card in cards if len(words_of(card)) > MAX_WORDS] == []
    assert all("card.svg" in card for card in cards)
    table = client.get("/alerts/?view=table&sort=largest").content.decode()
    assert 'aria-sort="descending"' in table
    codes = re.findall(r'<th scope="row">.*?/alerts/(\w+)/', table, flags=re.DOTALL)
    largest = [alert.code for alert in Alert.objects.order_by("-area_m2")]
    assert codes == largest
    kinds = client.get("/alerts/?view=kinds").content.decode()
    assert kinds.count('class="multiples"') == len({alert.kind for alert in Alert.objects.all()})


def test_a_picture_leaves_out_as_much_as_its_limit_asks(monkeypatch, alert):
    parts = {"ground": 50_000, "points": 1_000, "outline": 500, "curve": 100}
    drawing = CardDrawing([Shape("sea", ""), Shape("building", "")], [Shape("ramp-0", "")], [Shape("area", "")])
    monkeypatch.setattr(plans, "_drawing", lambda alert: drawing)

    def draw(one: CardDrawing) -> bytes:
        shown = {"ground": len(one.ground) > 1, "points": one.points, "outline": one.above, "curve": True}
        return b"x" * sum(size for name, size in parts.items() if shown[name])

    for most in (80_000, 40_000, 900, 300):
        monkeypatch.setattr(plans, "MAX_BYTES", most)
        assert len(plans._kept(alert, f"test-{most}", draw)) <= most


def test_a_figure_without_an_arrow_says_that_the_ground_is_at_rest():
    def shown(arrow: str, says: str) -> str:
        headline = Headline("0.0", "11.4", "mm a year", arrow, says, "since August 2023")
        return " ".join(words_of(render_to_string("wording/cards/_figure.html", {"card": {"headline": headline}})))

    assert shown("", "at rest").endswith("mm a year at rest")
    assert shown("↓", "sinking").endswith("mm a year")
