"""Each variable has the value of its type, or one clear error."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from ground_motion.methods.coherence import window_of
from monitor.start import process, variables

MAX_CHARACTERS = 200  # of an error
LONG = "x" * 500
WRONG = [
    ("PROXIES", "one", lambda: variables.whole_number("PROXIES"), "PROXIES is 'one'; write a whole number of proxies."),
    ("PROXIES", "", lambda: variables.whole_number("PROXIES"), "PROXIES is ''; write a whole number of proxies."),
    ("KEEP_SCENES", LONG, lambda: variables.whole_number("KEEP_SCENES"), "xxx…'; write a whole number of images."),
    (
        "ALARM_NO_DATA_DAYS",
        "soon",
        lambda: variables.number("ALARM_NO_DATA_DAYS"),
        "is 'soon'; write a number of days.",
    ),
    ("DEBUG", "perhaps", lambda: variables.switch("DEBUG"), "DEBUG is 'perhaps'; write yes or no."),
    ("PAIR_BASELINES_DAYS", "6,a", lambda: variables.whole_numbers("PAIR_BASELINES_DAYS"), "is '6,a'; write 6,12 or"),
    ("METHODS", "model", lambda: variables.pairs_over_default("METHODS"), "METHODS is 'model'; write NAME=VALUE,"),
    ("METHODS", f"{LONG}=model", lambda: variables.pairs_over_default("METHODS"), "xxx…; use deformation, coherence,"),
    ("METHODS", LONG, lambda: variables.pairs("METHODS"), "xxx…'; write NAME=VALUE,NAME=VALUE."),
    ("TEST_SETTINGS", "[1]", lambda: variables.json_object("TEST_SETTINGS", ["A"]), "is '[1]'; write a JSON object."),
    ("TEST_SETTINGS", '{"B": 1}', lambda: variables.json_object("TEST_SETTINGS", ["A"]), "TEST_SETTINGS has B; use A."),
    (
        "COHERENCE_WINDOW",
        "4x4",
        lambda: variables.checked_text("COHERENCE_WINDOW", window_of),
        "COHERENCE_WINDOW: '4x4'",
    ),
    (
        "DATABASE_POOLER",
        "session",
        lambda: variables.text("DATABASE_POOLER"),
        "'session'; use transaction, or nothing.",
    ),
    (
        "EMAIL_URL",
        "ftp://u:s3cret@h",
        lambda: process.mail_server(Path()),
        "EMAIL_URL is wrong (it may be secret); write",
    ),
]


@pytest.mark.parametrize(
    ("name", "value", "read", "words"), WRONG, ids=[f"{name}={value[:9]}" for name, value, *_ in WRONG]
)
def test_a_wrong_value_is_one_short_error_with_name_value_and_remedy(monkeypatch, name, value, read, words):
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured) as error:
        read()
    said = str(error.value)
    assert said.startswith(name)
    assert words in said
    assert len(said) <= MAX_CHARACTERS
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("value", "expected"),
    [("yes", True), ("True", True), (" on ", True), ("1", True), ("no", False), ("0", False), ("", False)],
)
def test_switches_are_read_as_people_write_them(monkeypatch, value, expected):
    monkeypatch.setenv("DEBUG", value)
    assert variables.switch("DEBUG") is expected


def test_an_unset_variable_has_the_default_of_its_row_or_the_computed_one(monkeypatch):
    for name in ("UPLOAD_MAX_BYTES", "ALARM_NO_DATA_DAYS", "PAIR_BASELINES_DAYS", "WORK_DIR", "METHODS"):
        monkeypatch.delenv(name, raising=False)
    assert variables.whole_number("UPLOAD_MAX_BYTES") == 10**10
    assert variables.number("ALARM_NO_DATA_DAYS") == 0.0
    assert variables.whole_numbers("PAIR_BASELINES_DAYS") == [6, 12, 24]
    assert variables.text("WORK_DIR", "/srv/work") == "/srv/work"
    monkeypatch.setenv("METHODS", "offsets=multi-kernel")
    assert variables.pairs_over_default("METHODS")["offsets"] == "multi-kernel"
    assert variables.pairs_over_default("METHODS")["coherence"] == "residual-unet"


def test_a_default_is_stated_once():
    with pytest.raises(LookupError, match="WORK_DIR"):
        variables.text("WORK_DIR")
    with pytest.raises(LookupError, match="LOG_LEVEL"):
        variables.text("LOG_LEVEL", "DEBUG")


def test_a_server_that_is_not_named_is_an_error_that_says_what_to_do(monkeypatch):
    monkeypatch.delenv("REDIS_URL")
    with pytest.raises(
        ImproperlyConfigured, match=r"^REDIS_URL is not set .* Run scripts/services start, or set it\.$"
    ):
        variables.server("REDIS_URL")


def test_a_variable_that_begins_with_a_dollar_is_that_of_another_name(monkeypatch):
    monkeypatch.setenv("OTHER", "7")
    monkeypatch.setenv("KEEP_SCENES", "$OTHER")
    assert variables.whole_number("KEEP_SCENES") == 7
