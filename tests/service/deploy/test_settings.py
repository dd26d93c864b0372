"""The table of variables and `.env.example` against what the code reads; a public site against doctor and Django."""

import ast
import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from detection.rules.severity import Severity
from ground_motion.methods.deformation import DEFAULT_METHOD
from monitor.operations.health.deployment import NO_SETTINGS_ANY_MORE
from monitor.start.variables import CHOICE, variables
from tests.fixtures.servers import python

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
PLACES = {"docker", "scripts"}  # containers, the proxy and the installation read some of their own
MOST = 70  # only ever lowered
READING = r"^(variables|known|os)\b(?!.*setdefault)"


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Each call that reads a variable of the environment, with the variable's name."""
    for path in READERS:
        for node in ast.walk(ast.parse(path.read_text())):
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
    left = set(LISTED) - READ - OF_OTHERS
    elsewhere = "".join(
        path.read_text(errors="ignore") for place in PLACES for path in (ROOT / place).rglob("*") if path.is_file()
    )
    assert {name for name in left if not re.search(rf"\b{name}\b", elsewhere)} == set()


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
    body = ast.parse((ROOT / "monitor" / "settings.py").read_text()).body
    assert {type(statement) for statement in body[1:]} == {ast.Import, ast.ImportFrom, ast.Assign}
    called = {ast.unparse(node.func) for node in ast.walk(ast.Module(body, [])) if isinstance(node, ast.Call)}
    assert {name for name in called if re.search(r"globals|vars\b|gc\.|write|mkdir|touch|setdefault", name)} == set()


@pytest.mark.parametrize("name", NO_SETTINGS_ANY_MORE)
def test_what_is_no_setting_any_more_is_neither_read_nor_listed(name):
    assert name not in READ
    assert name not in LISTED


def started(*names: str, **given: str) -> subprocess.CompletedProcess[str]:
    """Print settings in a process with other variables."""
    code = f"import json; from django.conf import settings; print(json.dumps([getattr(settings, n) for n in {names}]))"
    return python("-c", code, check=False, **given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"TEST_SETTINGS": '{"REQUEST_SECONDS": 5, "SECRET_KEY": "abc"}'}, "TEST_SETTINGS has SECRET_KEY; use "),
        ({"METHODS": "deformations=model"}, "METHODS has deformations; use deformation, "),
        ({"COHERENCE_WINDOW": "4x4"}, "COHERENCE_WINDOW: '4x4' is no window: give two odd numbers from 1 to 31"),
    ],
)
def test_an_unknown_name_is_refused(given, message):
    assert message in started("DEBUG", **given).stderr


def test_one_setting_says_what_several_would():
    together = {
        "TEST_SETTINGS": '{"REQUEST_SECONDS": 5}',
        "METHODS": "offsets=multi-kernel",
        "BASEMAP": "/srv/country.pmtiles",
        "ACQUIRE_STAC_URL": "https://example.org/v1/collections/sentinel-1-rtc",
        "BEHIND_HTTPS": "yes",
        "PUBLIC_URL": "https://motion.example.org:8443/monitor",
    }
    names = ("REQUEST_SECONDS", "SCHEDULED_METHODS", "BASEMAP_ARCHIVE", "BASEMAP_STYLE_URL", "ACQUIRE_STAC_URL")
    seconds, methods, archive, style, *rest = json.loads(
        started(*names, "ACQUIRE_STAC_COLLECTION", "CSRF_TRUSTED_ORIGINS", **together).stdout
    )
    assert (seconds, archive, style) == (5, "/srv/country.pmtiles", "")
    assert (methods["offsets"], methods["coherence"]) == ("multi-kernel", "residual-unet")
    assert rest == ["https://example.org/v1/", "sentinel-1-rtc", ["https://motion.example.org:8443"]]


def test_the_file_of_the_site_sets_what_follows_from_it(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text('name = "Survey"\nlanguages = ["de", "en"]\nsecurity_contact = ["weak@example.org"]')
    names = ("LANGUAGE_CODE", "LANGUAGES", "DEFAULT_FROM_EMAIL", "MFA_TOTP_ISSUER", "SECURITY_CONTACT")
    code, languages, sender, issuer, contact = json.loads(started(*names, GROUND_MOTION_SITE=str(path)).stdout)
    assert (code, languages) == ("de", [["de", "Deutsch"], ["en", "English"]])
    assert (sender, issuer, contact) == ("Survey <no-reply@localhost>", "Survey", ["weak@example.org"])
    path.write_text('nam = "Survey"')
    assert "site.toml has nam; use name, " in started("DEBUG", GROUND_MOTION_SITE=str(path)).stderr


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


def manage(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "manage.py", *arguments]
    environment = {**os.environ, **PUBLIC, **changed}
    del environment["DJANGO_ALLOW_ASYNC_UNSAFE"]  # of the tests
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def wrong(output: str) -> dict[str, str]:
    """What the doctor found: name -> its line and the remedy below."""
    lines = output.splitlines()
    found = [number for number, line in enumerate(lines) if line.startswith("WRONG")]
    return {lines[n].removeprefix("WRONG").split(":")[0].strip(): f"{lines[n]} {lines[n + 1].strip()}" for n in found}


def test_django_has_nothing_to_say_about_the_settings_of_a_public_site():
    checked = manage("check", "--deploy", "--fail-level", "WARNING")
    assert checked.returncode == 0, checked.stderr
    assert "identified no issues" in checked.stdout
    assert checked.stderr == ""


def test_the_doctor_has_nothing_to_say_about_them_either():
    examined = manage("doctor", "--deploy")
    assert set(wrong(examined.stdout)) <= {"database", "database role", "backup"}  # of the private cluster of the tests
    assert "ok       HTTPS" in examined.stdout
    assert "mail.example.org" not in examined.stdout


@pytest.mark.parametrize("mistakes", MISTAKES)
def test_the_doctor_finds_every_mistake_and_says_what_to_do(mistakes):
    examined = manage("doctor", "--deploy", **{name: value for name, (value, _) in mistakes.items()})
    assert examined.returncode == 1
    reported = wrong(examined.stdout)
    for name, (_, condition) in mistakes.items():
        assert name in reported[condition]
    assert "s3cret" not in examined.stdout + examined.stderr
