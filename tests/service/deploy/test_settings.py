"""The table of variables and `.env.example` against what the code reads; a public site against doctor and Django."""

import ast
import os
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from detection.rules.severity import Severity
from ground_motion.methods.deformation import DEFAULT_METHOD
from lab.sources import tree
from monitor.operations.health.deployment import NO_SETTINGS_ANY_MORE
from monitor.start.variables import CHOICE, variables
from tests.fixtures.servers import python
from tests.service.monitor.operations.health.conftest import doctor_asked

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = (ROOT / ".env.example").read_text()
LISTED = dict(re.findall(r"^# ([A-Z][A-Z0-9_]*)=(.*)$", EXAMPLE, re.MULTILINE))
# what reads settings; other modules take them from django.conf
READERS = [
    *(ROOT / "monitor" / name for name in ("settings.py", "storages.py", "broker.py", "gunicorn.py")),
    *(ROOT / "monitor" / "start").glob("*.py"),
    *(ROOT / "ground_motion" / "runtime").glob("*.py"),
]
READERS_OF = {  # type of a variable -> functions that read it
    "JSON object": {"json_object"},
    "list of NAME=VALUE": {"pairs", "pairs_over_default"},
    "list of text": {"texts"},
    "list of whole numbers": {"whole_numbers"},
    "number": {"number"},
    "server": {"server", "text"},
    "text": {"text", "checked_text"},
    "whole number": {"whole_number"},
    "yes or no": {"switch"},
    "yes, no or preload": {"text", "switch"},
    **{kind: {"text"} for kind in ("address", "file", "folder", "one of", "secret")},
}
SET_BY_SCRIPTS = {"GROUND_MOTION_DEMO"}  # by scripts/demo
OF_OTHERS = {"CUDA_VISIBLE_DEVICES", "HTTPS_PROXY"}  # read by torch and requests
MOST = 70  # only ever lowered
READING = r"^(variables|known|os)\b(?!.*setdefault)"


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Each call that reads a variable of the environment, with the variable's name."""
    for path in READERS:
        for node in ast.walk(tree(path.read_text())):
            if isinstance(node, ast.Call) and re.search(READING, ast.unparse(node.func)):
                yield from (
                    (one.value, node)
                    for one in node.args
                    if isinstance(one, ast.Constant) and re.fullmatch(r"[A-Z][A-Z0-9_]{2,}", str(one.value))
                )


READ = {name for name, _ in calls()} - SET_BY_SCRIPTS


def test_every_setting_is_listed():
    assert READ - set(LISTED) == set()


def test_everything_listed_is_read():
    """Containers, the proxy and the installation read some of their own."""
    left = set(LISTED) - READ - OF_OTHERS
    paths = [*(ROOT / "docker").rglob("*"), *(ROOT / "scripts").glob("*")]
    elsewhere = {
        word for path in paths if path.is_file() for word in re.findall(r"\w+", path.read_text(errors="ignore"))
    }
    assert left - elsewhere == set()


def test_there_are_no_more_settings_than_a_person_can_know():
    assert len(READ) <= MOST


def test_the_example_is_made_of_the_table():
    assert runpy.run_path(str(ROOT / "scripts" / "settings"))["example"]() == EXAMPLE
    assert set(LISTED) == set(variables())


@pytest.mark.parametrize("name", variables())
def test_every_variable_has_a_type_and_a_reason_in_one_sentence(name):
    variable = variables()[name]
    assert variable.type in READERS_OF or variable.type.startswith(CHOICE)
    assert re.fullmatch(r"[^\s].*[^.]\.", variable.reason)
    assert ". " not in variable.reason.replace("bounce+…@", "")
    assert LISTED[name] == (variable.stated_default or variable.example)


def test_every_variable_is_read_by_its_type_and_its_default_stands_in_the_table_only():
    wrong, n_compared = [], 0
    for name, call in calls():
        module, _, reader = ast.unparse(call.func).rpartition(".")
        if module != "variables" or reader == "fault":
            continue
        n_compared += 1
        variable = variables()[name]
        kind = "one of" if variable.type.startswith(CHOICE) else variable.type
        is_computed = reader in ("text", "switch") and len(call.args) + len(call.keywords) > 1
        if reader not in READERS_OF[kind] or (reader != "server" and is_computed != (variable.stated_default is None)):
            wrong.append(ast.unparse(call))
    assert n_compared > 60
    assert wrong == []


def test_the_table_knows_the_names_of_other_modules():
    assert variables()["SECOND_PERSON_FROM"].type == f"{CHOICE}{', '.join(Severity)}"
    assert f"deformation={DEFAULT_METHOD}," in variables()["METHODS"].default


def test_the_settings_are_a_flat_list():
    """No statement but imports and assignments: nothing is chosen, repeated, updated or written."""
    body = tree((ROOT / "monitor" / "settings.py").read_text()).body
    assert {type(statement) for statement in body[1:]} == {ast.Import, ast.ImportFrom, ast.Assign}
    called = {ast.unparse(node.func) for node in ast.walk(ast.Module(body, [])) if isinstance(node, ast.Call)}
    assert {name for name in called if re.search(r"globals|vars\b|gc\.|write|mkdir|touch|setdefault", name)} == set()


def test_what_is_no_setting_any_more_is_neither_read_nor_listed():
    assert set(NO_SETTINGS_ANY_MORE) & {*READ, *LISTED} == set()


def settings_with(**given: str) -> dict[str, Any]:
    """Return the settings as a process with these variables reads them."""
    with patch.dict(os.environ, given):
        return runpy.run_path(str(ROOT / "monitor" / "settings.py"))


BASEMAP = "/srv/country.pmtiles"


def test_one_setting_says_what_several_would(tmp_path):
    site = tmp_path / "site.toml"
    site.write_text('name = "Survey"\nlanguages = ["de", "en"]\nsecurity_contact = ["weak@example.org"]')
    read = settings_with(
        TEST_SETTINGS='{"REQUEST_SECONDS": 5}',
        METHODS="offsets=multi-kernel",
        BASEMAP=BASEMAP,
        ACQUIRE_STAC_URL="https://example.org/v1/collections/sentinel-1-rtc",
        BEHIND_HTTPS="yes",
        PUBLIC_URL="https://motion.example.org:8443/monitor",
        GROUND_MOTION_SITE=str(site),
    )
    methods = read["SCHEDULED_METHODS"]
    assert (methods["offsets"], methods["coherence"]) == ("multi-kernel", "residual-unet")
    assert (read["REQUEST_SECONDS"], read["BASEMAP_ARCHIVE"], read["BASEMAP_STYLE_URL"]) == (5, BASEMAP, "")
    assert (read["ACQUIRE_STAC_URL"], read["ACQUIRE_STAC_COLLECTION"]) == ("https://example.org/v1/", "sentinel-1-rtc")
    assert read["CSRF_TRUSTED_ORIGINS"] == ["https://motion.example.org:8443"]
    assert (read["LANGUAGE_CODE"], read["LANGUAGES"]) == ("de", [("de", "Deutsch"), ("en", "English")])
    assert (read["DEFAULT_FROM_EMAIL"], read["MFA_TOTP_ISSUER"]) == ("Survey <no-reply@localhost>", "Survey")
    assert [*read["SECURITY_CONTACT"]] == ["weak@example.org"]


PUBLIC = {
    "PUBLIC_URL": "https://motion.example.org",
    "ALLOWED_HOSTS": "motion.example.org",
    "BEHIND_HTTPS": "yes",
    "PROXIES": "1",
    "SECRET_KEY": "k9-3hVtQ2xLrZ8mWc5yBnE7aGpJ4uDsF6oTqRiXv1KzYlN0bHw",
    "EMAIL_URL": "smtp+tls://monitor:secret@mail.example.org:587",
    "DEFAULT_FROM_EMAIL": "Ground Motion Monitor <monitor@motion.example.org>",
}
MISTAKES = (  # setting -> its wrong value, and the condition that finds it
    {
        "PUBLIC_URL": ("http://motion.example.org", "public address"),
        "ALLOWED_HOSTS": ("*", "names of the site"),
        "BEHIND_HTTPS": ("no", "HTTPS"),
        "PROXIES": ("0", "proxies"),
        "SECRET_KEY": ("", "secret key"),
        "EMAIL_URL": ("", "mail server"),
        "DEFAULT_FROM_EMAIL": ("Monitor <no-reply@localhost>", "sender of mails"),
        "DEBUG": ("yes", "debugging"),
        "GROUND_MOTION_DEMO": ("yes", "demo"),
    },
    {
        "PUBLIC_URL": ("https://192.0.2.7", "public address"),
        "ALLOWED_HOSTS": ("localhost,127.0.0.1", "names of the site"),
        "SECRET_KEY": ("s3cret-and-short", "secret key"),
        "MAIL_REST_MINUTES": ("30", "removed settings"),
        "TEST_SETTINGS": ('{"REQUEST_SECONDS": 600}', "debugging"),
    },
)


SEEN = (
    "PUBLIC_URL",
    "ALLOWED_HOSTS",
    "BEHIND_HTTPS",
    "PROXIES",
    "EMAIL_BACKEND",
    "DEFAULT_FROM_EMAIL",
    "DEBUG",
    "DEMO",
)
SEEN += ("TEST_SETTINGS",)


def test_django_has_nothing_to_say_about_the_settings_of_a_public_site_nor_has_the_doctor():
    around = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}  # tests set it
    examined = python("manage.py", "doctor", "--deploy", around=around, check=False, **PUBLIC)
    wrong = re.findall(r"^WRONG +(.*?):", examined.stdout, re.MULTILINE)
    assert set(wrong) <= {"database", "database role", "backup"}  # of the private cluster of the tests
    assert "ok       HTTPS" in examined.stdout
    assert "ok       framework: manage.py check --deploy finds nothing" in examined.stdout
    assert "mail.example.org" not in examined.stdout
    assert examined.stderr == ""


@pytest.mark.django_db
@pytest.mark.parametrize("mistakes", MISTAKES)
def test_the_doctor_finds_every_mistake_and_says_what_to_do(mistakes, settings, monkeypatch, capsys):
    for name, value in {**PUBLIC, **{name: value for name, (value, _) in mistakes.items()}}.items():
        monkeypatch.setenv(name, value)
    read = settings_with()
    for name in SEEN:
        setattr(settings, name, read[name])
    reported = doctor_asked(capsys, "--deploy")
    for name, (_, condition) in mistakes.items():
        assert name in reported[condition]
