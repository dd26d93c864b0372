"""What docs/asvs.csv asks of pages, cookies and passwords, where no other test shows it; security.txt, robots.txt."""

import json
import logging
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.robotparser import RobotFileParser

import pytest
from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.backends.db import SessionStore
from django.core import signing
from django.test import Client
from django.utils import timezone

from tests.fixtures.servers import python
from tests.makers.people import PASSWORD, account
from tests.service.deploy.test_settings import settings_with

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.django_db
PUBLIC_SITE = """
import django, json
django.setup()
from django.conf import settings
from django.test import Client
from monitor.web.accounts import BROWSER_COOKIE
answer = Client().get("/healthz", secure=True, headers={"host": "localhost"})
print(json.dumps({
    "names": [settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, settings.LANGUAGE_COOKIE_NAME, BROWSER_COOKIE],
    "secure": [settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE],
    "samesite": [settings.SESSION_COOKIE_SAMESITE, settings.CSRF_COOKIE_SAMESITE],
    "domains": [settings.SESSION_COOKIE_DOMAIN, settings.CSRF_COOKIE_DOMAIN],
    "hsts": answer["Strict-Transport-Security"],
}))
"""


@pytest.fixture(scope="module")
def public_site() -> dict:
    """Return the settings and answers of a site behind HTTPS."""
    return json.loads(python("-c", PUBLIC_SITE, BEHIND_HTTPS="yes").stdout)


def files(pattern: str, *folders: str) -> list[Path]:
    return [path for folder in folders for path in (ROOT / folder).rglob(pattern)]


def test_every_cookie_of_a_public_site_is_bound_to_its_host(public_site):
    assert all(name.startswith("__Host-") for name in public_site["names"])
    assert public_site["secure"] == [True, True]
    assert public_site["samesite"] == ["Lax", "Lax"]
    assert public_site["domains"] == [None, None]  # which the prefix asks for


def test_a_public_site_promises_https_for_a_year(public_site):
    assert public_site["hsts"] == "max-age=31536000"  # for this host: what else the domain holds is not ours


def test_subdomains_and_the_lists_of_browsers_are_bound_where_that_is_wanted(settings):
    for wish, promised in (("yes", "; includeSubDomains"), ("preload", "; includeSubDomains; preload")):
        read = settings_with(BEHIND_HTTPS="yes", HSTS_SUBDOMAINS=wish)
        for name in ("SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_HSTS_PRELOAD"):
            setattr(settings, name, read[name])
        answer = Client().get("/healthz", secure=True)
        assert answer["Strict-Transport-Security"] == f"max-age=31536000{promised}"


@pytest.mark.parametrize("path", ["/about/", "/login/", "/alerts.geojson", "/healthz", "/nothing/"])
def test_headers_that_every_page_carries(path):
    answer = Client().get(path)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert re.match(r"(text/(html|plain); charset=utf-8|application/(geo\+)?json)", answer["Content-Type"])


def test_pages_may_use_no_device_but_their_own_position():
    scripts = "".join(path.read_text() for path in files("*.js", "static/js"))
    uses = {"geolocation": "navigator.geolocation", "fullscreen": "requestFullscreen", "camera": "getUserMedia"}
    uses |= {"publickey-credentials-get": "navigator.credentials.get", "payment": "PaymentRequest"}
    uses |= {"usb": "navigator.usb", "microphone": "getUserMedia", "screen-wake-lock": "navigator.wakeLock"}
    policy = dict(part.split("=") for part in Client().get("/about/")["Permissions-Policy"].split(", "))
    for name in ("/static/nothing.js", "/healthz", "/nothing/", "/stac/search?limit=x"):
        assert Client().get(name)["Permissions-Policy"], name
    assert {name: "(self)" if call in scripts else "()" for name, call in uses.items()} == {
        name: policy[name] for name in uses
    }


def test_the_content_policy_forbids_what_no_page_needs():
    policy = Client().get("/about/")["Content-Security-Policy"]
    for directive in ("object-src 'none'", "base-uri 'none'", "frame-ancestors 'self'", "form-action 'self'"):
        assert directive in policy
    assert "http" not in policy  # A test in a browser fails where its page asks another host.
    scripts = policy.partition("script-src")[2].partition(";")[0]
    assert "'self'" in scripts
    assert "unsafe" not in scripts


def test_text_of_a_user_cannot_leave_the_data_of_a_page(alert):
    page = Client().get(f"/alerts/{alert.code}/", {"x": "</script><script>"}).content.decode()
    assert "<script>" not in page
    data = re.findall(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', page, flags=re.S)
    assert data
    assert not any(mark in block for block in data for mark in "<>&")


def test_nothing_is_run_through_a_shell_or_evaluated():
    banned = re.compile(r"shell=True|os\.system\(|(?<![\w.])(eval|exec)\(|pickle\.loads?\(")
    offending = [path for path in files("*.py", "monitor", "detection", "ingest") if banned.search(path.read_text())]
    assert offending == []


def test_no_script_writes_markup():
    banned = re.compile(r"\.(inner|outer)HTML\b|insertAdjacentHTML|document\.write|\beval\(|new Function")
    assert [path for path in files("*.js", "static/js") if banned.search(path.read_text())] == []


def test_fields_of_passwords_hide_and_let_managers_paste(client):
    client.force_login(account("otto"))
    pages = [Client().get("/login/"), client.get("/password/"), client.get("/password/again/")]
    for page in pages:
        fields = re.findall(r'<input[^>]*(?:name|type)="[^"]*password[^>]*>', page.content.decode())
        assert fields
        assert all('type="password"' in field and "autocomplete=" in field for field in fields)
        assert "onpaste" not in page.content.decode()


@pytest.mark.parametrize(
    "password", ["qwmzlvkxjhtr", "QWMZLVKXJHTR", "738291046157", "ключ от дома 🔑 ~", "    a    b    "]
)
def test_a_password_may_be_made_of_anything(password):
    validate_password(password)


def test_a_password_is_taken_as_it_is():
    long = " Ä\u202e" + "x" * 200 + "\x0by "
    client, user = Client(), User.objects.create_user("otto", password=long)
    assert check_password(long, user.password)
    assert not check_password(long.strip(), user.password)
    assert not check_password(long.lower(), user.password)
    assert not check_password(long[:-2] + "z ", user.password)
    assert client.post("/login/", {"username": "otto", "password": long}).status_code == 302


def test_a_password_does_not_expire():
    account("otto")
    User.objects.update(date_joined=timezone.now() - timedelta(days=3000), last_login=timezone.now() - timedelta(2000))
    assert Client().post("/login/", {"username": "otto", "password": PASSWORD}).status_code == 302


def test_an_account_holds_no_hint_and_no_question():
    names = {field.name for field in User._meta.get_fields()}
    assert not [name for name in names if re.search("hint|question|answer|birth", name)]


def test_session_tokens_are_long_and_random():
    keys = set()
    for _ in range(20):
        session = SessionStore()
        session.create()
        keys.add(session.session_key)
    assert len(keys) == 20
    assert all(re.fullmatch("[a-z0-9]{32}", key) for key in keys)


def test_passwords_and_links_use_no_weak_hash():
    kept = settings.PASSWORD_HASHERS[1:]  # the first one is for tests only
    assert [hasher.rpartition(".")[2] for hasher in kept] == ["Argon2PasswordHasher", "PBKDF2PasswordHasher"]
    assert signing.TimestampSigner().algorithm == "sha256"


def test_the_proxy_speaks_only_new_tls():
    lines = (ROOT / "docker" / "nginx" / "https.conf").read_text()
    assert re.findall(r"ssl_protocols ([^;]+);", lines) == ["TLSv1.2 TLSv1.3"]


def test_the_image_is_built_without_the_history():
    assert ".git" in (ROOT / ".dockerignore").read_text().split()


def test_documents_state_how_soon_libraries_are_updated():
    assert re.search(r"known hole is updated within \w+ days", (ROOT / "docs" / "security.md").read_text())


def test_refused_access_is_logged(caplog, client):
    client.force_login(User.objects.create_user("karl"))
    with caplog.at_level(logging.WARNING, logger="django.request"):
        client.get("/review/")
    assert "Forbidden (Permission denied): /review/" in caplog.text


SECURITY = "/.well-known/security.txt"


def fields(client) -> dict[str, list[str]]:
    answer = client.get(SECURITY)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain; charset=utf-8")
    read: dict[str, list[str]] = {}
    for line in answer.content.decode().splitlines():
        name, value = line.split(": ", 1)
        read.setdefault(name, []).append(value)
    return read


def test_where_nobody_is_named_there_is_no_such_page(client):
    assert client.get(SECURITY).status_code == 404


@pytest.mark.parametrize("years", [0, 3])
def test_it_names_whom_to_write_and_is_never_out_of_date(client, settings, monkeypatch, years):
    settings.SECURITY_CONTACT = ["security@motion.example.org", "https://motion.example.org/weakness"]
    settings.PUBLIC_URL = "https://motion.example.org"
    now = datetime.now(UTC) + timedelta(days=365 * years)
    monkeypatch.setattr(timezone, "now", lambda: now)
    read = fields(client)
    assert read["Contact"] == ["mailto:security@motion.example.org", "https://motion.example.org/weakness"]
    assert read["Canonical"] == [f"https://motion.example.org{SECURITY}"]
    assert read["Preferred-Languages"] == ["en, de, fr, es"]
    (expires,) = (datetime.fromisoformat(value) for value in read["Expires"])
    assert now + timedelta(days=90) < expires < now + timedelta(days=365)


def test_pages_may_be_found_and_what_is_costly_or_private_is_left_alone(client):
    text = client.get("/robots.txt").content.decode()
    robots = RobotFileParser()
    robots.parse([line for line in text.splitlines() if "*" not in line or line.startswith("User-agent")])
    for path in ("/", "/about/", "/alerts/", "/alerts/4F7K/", "/regions/bern/", "/glaciers/", "/record/", "/static/a"):
        assert robots.can_fetch("anybot", path), path
    for path in (
        *("/tiles/ground/0/0/0.mvt", "/rasters/1.tif", "/charts/series.json", "/workbench/", "/ogc/", "/api/v1/alerts"),
        *("/subscriptions/TOKEN/", "/subscribe/stop/TOKEN/", "/feeds/KEY/alerts.atom", "/accounts/join/", "/review/"),
    ):
        assert not robots.can_fetch("anybot", path), path
    rules = {"Disallow: /*?", "Disallow: /*.csv", "Disallow: /*/report/", "Allow: /*?language=", "Allow: /*?page="}
    assert rules < set(text.splitlines())
