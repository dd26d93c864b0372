"""Every address has a class or is a page, and the table of limits, docs/limits.csv, is complete."""

import ast
import csv
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import include, path

from lab.sources import tree
from monitor.models.subscriptions import Holding
from monitor.subscribers.subscriptions import limits as daily
from monitor.web import request_limits
from monitor.web.request_limits import ACTS, API, GIVEN_FILES, LIMITS, PREVIEWS, costly, costly_below, limit_of

ROOT = Path(__file__).resolve().parents[4]
SCRIPT: dict[str, Any] = runpy.run_path(str(ROOT / "scripts" / "limits"))
# Addresses that a visitor opens again and again, that cost little, or that only accounts may use.
PAGES = """
map about reading imprint contact accessibility alert-list alert-detail alert-picture alert-card alert-evidence
alert-looks bulletin-list event-list event-detail glacier-list glacier-detail product-detail product-list
product-take-back product-undo record
region-list region-detail region-contact region-looks region-embed subscribe-alert subscribe-sent subscription-news
subscription-export organisation-export demo-mail-list demo-mail demo-mail-html invitation-open site-logo
site-manifest service-worker language words security-txt robots-txt healthz metrics readyz points-tile period-tile
context-tile raster-tile ground-tile world-tile heights-tile basemap basemap-archive raster-catalogue logout
session-rights session-list accounts account-change invitation-withdraw admin-password review-queue review-quality
review-taken
review-reports review-texts review-case review-edit review-edit-undo review-file
review-undo review-claim review-publish review-withdraw wmts extract-gone feed-gone job-list order-list order-add
order-edit job-retry job-cancel upload-jobs upload-again upload-withdraw
"""


def test_every_address_states_its_class_or_is_listed_as_a_page():
    """The admin is for accounts; its page to sign in is another address, which has a class."""
    found = {name for name, _, view in SCRIPT["addresses"]() if not getattr(view, "limits", None)}
    assert {name for name in found if not name.startswith("admin:")} == set(PAGES.split())


def test_what_the_proxy_counts_is_what_the_views_state():
    assert (ROOT / "docker" / "nginx" / "costly.conf").read_text() == SCRIPT["configuration"]()  # scripts/limits


FILES = {"method": "POST", "data": "a", "content_type": "multipart/form-data; boundary=edge"}
FORM = FILES | {"content_type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("stated", "limits"),
    [
        (costly(API), [API, API, API]),
        (costly(posted=PREVIEWS, files=GIVEN_FILES), [None, PREVIEWS, GIVEN_FILES]),
        (costly(posted=ACTS), [None, ACTS, ACTS]),
        (costly(files=GIVEN_FILES), [None, None, GIVEN_FILES]),
        (lambda view: view, [None, None, None]),
    ],
)
def test_the_class_depends_on_what_is_sent(stated, limits):
    requests = [RequestFactory().generic(path="/", **sent) for sent in ({"method": "GET"}, FORM, FILES)]
    assert [limit_of(stated(HttpResponse), request) for request in requests] == limits


def test_a_route_states_the_class_of_all_views_below_it():
    below = path("a/", HttpResponse)
    costly_below(path("", include([path("b/", include([below]))])), API)
    assert below.callback.limits[0] is API


def zones() -> set[str]:
    """Return the limits of connections that the proxy has."""
    written = "".join(file.read_text() for file in (ROOT / "docker" / "nginx").glob("*.conf"))
    return set(re.findall(r"^ *limit_conn(?: |_zone .*zone=)(\w+)", written, re.MULTILINE))


def counts() -> set[str]:
    """Return what is counted for a day, without the names of those whom a count is about."""
    calls = [node for node in ast.walk(tree(Path(daily.__file__).read_text())) if isinstance(node, ast.Call)]
    named = [ast.unparse(call.args[0]) for call in calls if getattr(call.func, "id", "") == "_count"]
    parts = {re.split(r"[{']", name.removeprefix("f"), maxsplit=2)[1].strip() for name in named}
    return {part or "what organisations do" for part in parts}  # That name says which.


def test_the_table_of_limits_has_a_row_for_each():
    with (ROOT / "docs" / "limits.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["limit"]: row for row in csv.DictReader(file)}
    wanted = {f"proxy: {name}" for name in zones()} | {f"class: {limit.name}" for limit in LIMITS}
    wanted |= {f"threads: {name}" for name in ("pages", *request_limits.FOR_STRANGERS)}
    wanted |= {f"store: {store.__name__}" for store in Holding.__subclasses__()} | {
        f"count: {name}" for name in counts()
    }
    assert sorted(wanted - set(rows)) == []  # These rows are missing.
    assert sorted(set(rows) - wanted) == []  # These rows are of limits that are gone.
    assert [name for name, row in rows.items() if not all(row.values())] == []
    assert {row["held in"] for row in rows.values()} == {"proxy", "process", "machine", "database"}
