"""The file of a site's identity: what it says holds, and what is wrong in it is named with its remedy."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from monitor.web.identity.pages import check_colours
from monitor.web.identity.site_file import SURFACES, Site, contrast, contrast_faults, site_of

ROOT = Path(__file__).resolve().parents[5]
OPENID = """[openid]
issuer = "https://login.example.org"
client_id = "ours"
secret_file = "secret"
claim = "groups"
roles = { geologists = "operators" }
"""


@pytest.fixture
def written(tmp_path):
    """Write a file and return what is read from it."""
    (tmp_path / "secret").write_text("s3cret\n")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "logo.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')

    def write(text: str) -> Site:
        (tmp_path / "site.toml").write_text(text)
        return site_of(str(tmp_path / "site.toml"))

    return write


def test_without_a_file_the_site_is_that_of_the_product():
    assert site_of("") == Site()
    assert Site().name == "Ground Motion Monitor"


def test_the_example_is_read(tmp_path):
    for name in ("logo.svg", "openid-secret"):
        (tmp_path / name).write_text("<svg/>")
    (tmp_path / "site.toml").write_text((ROOT / "docs/examples/site.toml").read_text())
    site = site_of(str(tmp_path / "site.toml"))
    assert (site.name, site.languages) == ("Ground motion in Westland", ("en", "de"))
    assert site.openid.provider_id == "login.example.org-realms-westland"
    assert site.accessibility.keys() == {"en", "de"}
    assert contrast_faults(site) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nam = 'x'", "site.toml has nam; use name, logo, "),
        ("name = 3", "name is 3; write one line of text"),
        ("accent = 'red'", "accent is 'red'; write six hexadecimal digits, as #0b5f73"),
        ("accent = '#12345é'", "write six hexadecimal digits"),
        ("languages = []", "languages is []; write a list"),
        ("languages = ['en', 'it']", "'it' is not one of en, de, fr, es"),
        ("languages = ['en', 'en']", "each once"),
        ("imprint = { it = 'x' }", "'it' is not one of"),
        ("logo = 'none.svg'", "there is no file"),
        ("logo = 'secret'", "use an SVG or a PNG of at most 200 kB"),
        ("name = ", "cannot be read as TOML"),
        ("openid = 3", "openid is no table"),
        (OPENID.replace('claim = "groups"\n', ""), "lacks openid.claim"),
        (OPENID.replace("https://", "http://"), "openid.issuer is 'http://login.example.org'; write"),
        (OPENID.replace("https://login.example.org", "https://["), "openid.issuer is 'https://['; write"),
        (OPENID.replace('"operators"', '"boss"'), "map values of the claim to viewers, operators, "),
        (OPENID.replace('"secret"', '"away"'), "put the secret into"),
        (OPENID.replace('"secret"', '"empty"'), "put the secret into"),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(written, text, said):
    with pytest.raises(ImproperlyConfigured, match=re.escape(said)):
        written(text)


def test_the_secret_is_read_from_its_own_file(written):
    assert written(OPENID).openid.app()["secret"] == "s3cret"


def test_contrast_is_that_of_the_guidelines():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize(("name", "colour"), [("accent", "#7cc9dd"), ("accent_dark", "#0b5f73")])
def test_an_accent_that_cannot_be_read_is_one_error(settings, name, colour):
    settings.SITE = replace(Site(), **{name: colour})
    (error,) = check_colours()
    assert f"GROUND_MOTION_SITE: {name} is {colour}, whose contrast to " in error.msg
    settings.SITE = Site()
    assert check_colours() == []


def test_the_surfaces_are_those_of_the_style_sheet():
    light, dark = (ROOT / "static/css/variables.css").read_text().split("prefers-color-scheme: dark")
    for name, css in (("accent", light), ("accent_dark", dark)):
        value = dict(re.findall(r"--([\w-]+): (#\w{6});", css))
        (surface, soft, _mail), text = SURFACES[name]
        assert [surface, soft, text] == [value["surface"], value["surface-soft"], value["accent-text"]]
        assert getattr(Site(), name) == value["accent"]
