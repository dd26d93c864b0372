"""The .env of a public site: the doctor finds mistakes in it; where there are none, Django finds nothing either."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
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
