"""Searching for a place: in lists of places and by a geocoder, on a page and as data; alerts named by what is near."""

import re
from urllib.parse import parse_qs, urlsplit

import mapbox_vector_tile
import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.utils import translation

from ground_motion.core.areas import parse_position
from ground_motion.readers.context.records import ContextKind
from ingest.context.selectors import place_search, whereabouts_of
from ingest.context.services import context_load
from monitor.operations.health.condition import Wrong
from monitor.operations.health.site_checks import geocoder
from monitor.operations.management.commands import doctor
from monitor.wording import surroundings as words
from monitor.wording.cards.whereabouts import alert_places, near_of
from monitor.wording.places import place_name
from tests.makers.people import words as text
from tests.makers.world import make_world
from tests.service.ingest.sources import replay

pytestmark = pytest.mark.django_db


@pytest.fixture
def villages(tmp_path):
    """Aldwick three kilometres north of the made alert, with a name that tries to be HTML."""
    path = tmp_path / "villages.csv"
    rows = ["name,latitude,longitude,population", "Aldwick,47.027,-12,2300", "<b>Bold</b> Aldwick,46,-12,10"]
    path.write_text("\n".join(rows) + "\n")
    return context_load(path=path, kind=ContextKind.PLACES, attribution="Villages: made")


@pytest.fixture
def outlines(tmp_path, load_context):
    """Load a glacier, a mine, a region and a landslide around the made alert."""
    ring = [[-12.1, 46.9], [-11.9, 46.9], [-11.9, 47.1], [-12.1, 47.1], [-12.1, 46.9]]
    square = {"type": "Polygon", "coordinates": [ring]}
    load_context("regions", square, name="Westshore", admin="Atlantis")
    load_context("mines", square, name="Old Pit")
    load_context("glaciers", square, Name="Whitefall", RGIId="RGI60-99.1", Surging="3")
    path = tmp_path / "slides.csv"
    path.write_text(
        "id,date,latitude,longitude,landslide_type,trigger,location_accuracy,landslide_size\n"
        "1,09/25/2015,47.02,-12,Landslide,Rain,Known_within_5_km,Small\n"
    )
    context_load(path=path)


POSITIONS = {"19.4, -99.1": (-99.1, 19.4), "19.41° N 99.08° W": (-99.08, 19.41), "99.08 W, 19.41 N": (-99.08, 19.41)}
POSITIONS |= dict.fromkeys(("-33.9 151.2", "−33.9; 151.2"), (151.2, -33.9))


def test_coordinates_are_read_as_people_write_them():
    for typed, place in POSITIONS.items():
        assert parse_position(typed) == pytest.approx(place)
    for typed in ("", "19.4", "91, 0", "0, 361", "10 N 20 S", "-10 N 20 E", "1, 2, 3", "1e9, nan"):
        assert parse_position(typed) is None, typed


NAMED = {
    "pozzuoli": ("Pozzuoli", "Campania, Italy, 81,231 inhabitants"),
    "Kirishima": ("Kirishima", "Kagoshima, Japan, 123,205 inhabitants"),
    **dict.fromkeys(("Mao Xian", "maoxian", "茂县", "mao hsien"), ("Fengyi", "Sichuan, China")),
    **dict.fromkeys(("Bukarest", "bucharest"), ("Bucharest", "București, Romania, 1,877,155 inhabitants")),
    "Paris": ("Paris", "Île-de-France, France, 2,138,551 inhabitants"),  # the larger one
    "Etna": ("Etna", "volcano, Italy"),
    "italien": ("Italy", "country"),
    "rhone alpes": ("Auvergne-Rhône-Alpes", "region of France"),
}
PLACED = {
    (14.12, 40.826): "Pozzuoli (Campi Flegrei), Italy",
    (14.27, 40.86): "Naples, Italy",
    (14.26, 41.06): "23 km north of Naples, Italy",
    (15.0, 37.75): "Etna, Italy",
    (103.85, 31.685): "Fengyi, China",
    (-30.5, 0.25): "0.25° N 30.50° W",
}


def test_names_anywhere_on_earth_are_found_and_name_places(client, tmp_path, monkeypatch):
    make_world(tmp_path / "cities1000.json", monkeypatch)
    for typed, expected in NAMED.items():
        hits = client.get("/places.json", {"q": typed}).json()["hits"]
        kept = hits if expected[1].startswith(("country", "region")) else [hit for hit in hits if hit["at"]]
        assert (kept[0]["name"], kept[0]["detail"]) == expected, typed
    with translation.override("de"):
        assert place_search(text="Paris")[0].detail == "Île-de-France, Frankreich"
    points = [(*point, False) for point in PLACED]
    for point, where in zip(PLACED, whereabouts_of(points=points), strict=True):
        assert place_name(*point, near=near_of(where)) == PLACED[point]
    assert "data-context" not in client.get("/").content.decode()  # estimated borders are no layer of the map


def test_coordinates_are_found(client):
    (hit,) = client.get("/places.json", {"q": "19.4, -99.1"}).json()["hits"]
    west, south, east, north = hit["bounds"]
    assert west < -99.1 < east
    assert south < 19.4 < north
    assert "No place of this name was found." in text(client.get("/places/?q=nowhere+at+all"))


def test_a_page_without_javascript_leads_to_the_map(client, villages):
    page = client.get("/places/?q=aldwick")
    content, source = text(page), page.content.decode()
    assert "Villages: made" in client.get("/").content.decode()
    assert "Aldwick 2,300 inhabitants" in content
    assert 'href="/?bbox=-12.06,46.967,-11.94,47.087"' in source
    assert "&lt;b&gt;Bold&lt;/b&gt;" in source
    assert "<b>Bold" not in source
    assert client.get("/?bbox=-12.06,46.967,-11.94,47.087").status_code == 200
    assert "Type the name of a place" in text(client.get("/places/", {"q": "a"}))
    for typed in ("'", "\\", "%", "a:*", "& | !", "\x00", "x" * 5000, "<script>", "ß", "🏔", "((("):
        for address in ("/places/", "/places.json"):
            assert client.get(address, {"q": typed}).status_code == 200, typed


def test_an_alert_is_named_by_the_nearest_village_and_says_what_is_here(client, alert, villages, outlines):
    for address in ("/", "/alerts/", f"/alerts/{alert.code}/", "/alerts.geojson", "/api/v1/alerts", "/alerts.atom"):
        assert "3 km south of Aldwick" in client.get(address).content.decode(), address
    page = text(client.get(f"/alerts/{alert.code}/"))
    assert "3 km south of Aldwick, in Westshore, Atlantis." in page
    assert "It touches the known outline of a mine: Old Pit." in page
    assert "On a glacier: Whitefall, which is known to surge." in page
    assert "One landslide was reported within 5 km. It happened on 25 September 2015." in page
    assert "Not loaded" not in page


def test_only_operators_hear_what_is_not_loaded(client, alert, operator):
    assert "About this place" not in text(client.get(f"/alerts/{alert.code}/"))
    assert "Not loaded: administrative regions, names of places" in text(operator.get(f"/alerts/{alert.code}/"))


def test_the_list_looks_places_up_all_at_once(client, make_alert, villages, django_assert_max_num_queries):
    alerts = [make_alert(longitude=-12 + n / 10) for n in range(20)]
    with django_assert_max_num_queries(3):
        assert len(alert_places(alerts)) == 20


def test_what_is_known_is_drawn_far_out_and_close_by(client, outlines):
    page = client.get("/").content.decode()
    for kind in ("regions", "glaciers", "mines", "landslides"):
        for tile in ("0/0/0", "10/477/360"):
            answer = client.get(f"/tiles/context/{kind}/{tile}.mvt")
            assert len(mapbox_vector_tile.decode(answer.content)["context"]["features"]) == 1
        assert f'data-context="{kind}"' in page


def test_a_region_around_the_pole_does_not_break_a_tile(client, load_context):
    ring = [[-180, -90], [180, -90], [180, -60], [-180, -60], [-180, -90]]
    load_context("regions", {"type": "Polygon", "coordinates": [ring]}, name="South")
    assert mapbox_vector_tile.decode(client.get("/tiles/context/regions/0/0/0.mvt").content)["context"]["features"]


def test_places_are_named_by_distance_and_direction():
    assert words.near_words("Aldwick", 3003, 180) == "3 km south of Aldwick"
    assert words.near_words("Aldwick", 400, 180) == "Aldwick"
    with translation.override("fr"):
        assert words.near_words("Aldwick", 3003, 180) == "3\N{NO-BREAK SPACE}km au sud d’Aldwick"
        assert words.near_words("Westshore", 3003, 90) == "3\N{NO-BREAK SPACE}km à l’est de Westshore"
    assert place_name(-99.1, 19.4, near="3 km south of Aldwick") == "3 km south of Aldwick, Mexico"
    assert place_name(-99.1, 19.4, region="Westshore, Mexico") == "Westshore, Mexico, 19.40° N 99.10° W"
    assert place_name(-99.1, 19.4, simulated=True) == "simulated region, 19.40° N 99.10° W"
    assert place_name(-99.1, 19.4, simulated=True, near="Aldwick", region="X") == "simulated region, Aldwick"


def test_the_doctor_says_what_is_not_loaded(villages, capsys, monkeypatch):
    monkeypatch.setattr(doctor, "CONDITIONS", ())
    call_command("doctor")
    output = capsys.readouterr().out
    assert "ok       context: places" in output
    assert "without  context: regions, glaciers, mines, landslides, elevation" in output


TYPED = "Hauptstraße 5 Aldwick"
HOUSE = {"display_name": "5, Hauptstraße, Aldwick, Westshore, 12345, Atlantis", "lon": "-12.0012", "lat": "47.0034"}
HOUSE |= {"boundingbox": ["47.00335", "47.00345", "-12.00125", "-12.00115"]}
STREET = {"display_name": "<b>Hauptstraße</b>, Aldwick, Atlantis", "lon": "-12.0", "lat": "47.0"}
STREET |= {"boundingbox": ["46.9", "47.1", "-12.1", "-11.9"]}
NOMINATIM = [HOUSE, STREET]  # as Nominatim 4 answers with format=jsonv2


@pytest.fixture
def server(settings):
    """Run an allowed geocoder on this machine; every test begins without memory of an earlier one."""
    cache.clear()
    with replay.running() as running:
        running.answers["/search"] = lambda request: (NOMINATIM, {})
        settings.OUTBOUND_HOSTS = [running.address]
        settings.GEOCODER_URL, settings.GEOCODER_SECONDS = f"{running.address}/search", 0
        yield running


def ask(typed: str = TYPED, **wanted) -> dict:
    return Client().get("/places.json", {"q": typed, "addresses": "1", **wanted}).json()


def test_an_address_is_found_when_enter_is_pressed_and_not_while_it_is_typed(server):
    typing = Client().get("/places.json", {"q": TYPED}).json()
    assert typing["hits"] == []
    assert "Press Enter to search for an address at 127.0.0.1" in typing["note"]
    assert server.requests == []
    answer = ask()
    house, street = answer["hits"]
    assert (house["name"], house["detail"]) == ("5, Hauptstraße", "Aldwick, Westshore, 12345, Atlantis")
    assert house["bounds"] == [-12.0042, 47.0004, -11.9982, 47.0064]  # 300 m around it
    assert street["bounds"] == [-12.1, 46.9, -11.9, 47.1]
    assert "© OpenStreetMap contributors" in answer["note"]
    (request,) = server.requests
    assert parse_qs(urlsplit(request.path).query)["q"] == [TYPED]
    assert re.fullmatch(r"ground-motion-monitor \(\+http.+\)", request.headers["User-Agent"])
    assert not {"Cookie", "Referer", "X-Forwarded-For"} & set(request.headers)
    page = Client().get("/places/", {"q": TYPED}).content.decode()  # without scripts, and it stays text
    assert all(part in page for part in ("5, Hauptstraße", "&lt;b&gt;Hauptstraße", "© OpenStreetMap contributors"))
    assert "<b>Hauptstraße" not in page


def test_a_question_is_asked_once_a_day_and_one_in_some_seconds_for_all_visitors_together(server, settings):
    for known in ("47.0, -12.0", "ab"):
        ask(known)
    assert server.requests == []
    settings.GEOCODER_SECONDS = 30
    assert ask()["hits"]
    assert ask() == ask()
    assert ask(TYPED.upper())["hits"] == ask()["hits"]
    assert "Try again in a few seconds" in ask("Another street 7")["note"]
    assert len(server.requests) == 1


FAILURES = (
    replay.status(429),
    replay.status(200),
    replay.redirect("http://127.0.0.1:9/elsewhere"),
    lambda handler, data: handler.send(200, b'{"a": 1}'),
    lambda handler, data: handler.send(200, b'[{"display_name": "x", "lon": "nan", "lat": "0"}]'),
)


def test_a_geocoder_that_fails_is_left_alone_for_a_while_and_the_search_says_so(server):
    server.answers.clear()
    for number, failure in enumerate(FAILURES, 1):
        cache.clear()
        server.always["/search"] = failure
        for typed in (TYPED, "Another street 7"):
            assert ask(typed)["note"] == "The search for addresses does not answer at the moment."
        assert len(server.requests) == number


def test_a_host_that_is_not_listed_is_not_contacted_and_the_doctor_says_why(server, settings):
    assert geocoder() == "Nominatim at 127.0.0.1"
    settings.OUTBOUND_HOSTS = []
    assert "does not answer" in ask("Another street 7")["note"]
    with pytest.raises(Wrong, match="OUTBOUND_HOSTS"):
        geocoder()
    for former in ("https://example.org/api", "photon+https://example.org/find"):
        settings.GEOCODER_URL = former
        with pytest.raises(Wrong, match="GEOCODER_URL is not the address of a Nominatim"):
            geocoder()
    assert len(server.requests) == 1


def test_the_page_about_the_service_says_who_learns_what(settings):
    assert "nominatim.example.org" not in Client().get("/about/").content.decode()
    settings.GEOCODER_URL = "https://nominatim.example.org/search"
    assert "sends the words to nominatim.example.org" in re.sub(r"\s+", " ", Client().get("/about/").content.decode())
