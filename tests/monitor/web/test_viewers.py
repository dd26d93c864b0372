"""Viewers read what operators read, change nothing, and find no button that they may not press."""

import re

import pytest
from django.test import Client

from detection.models import Claim, Review
from detection.rules.verdicts import Verdict
from monitor.web.roles import OPERATORS, VIEWERS
from tests.makers.people import account, signed_in
from tests.monitor.pages.reviews.test_quality import judge

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer() -> Client:
    return signed_in(account("vera", VIEWERS))


def forms_that_change(page: str) -> list[str]:
    """Where the forms of a page lead, except the way out and the language of the page."""
    forms = re.findall(r"<form[^>]*method=\"post\"[^>]*>", page)
    return [form for form in forms if "/logout/" not in form and "/language/" not in form]


def test_a_viewer_reads_a_case_but_finds_no_verdict_to_give(viewer, alert):
    page = viewer.get(f"/review/{alert.code}/")
    assert page.status_code == 200
    assert forms_that_change(page.content.decode()) == []
    assert "Operators decide them." in page.content.decode()
    assert viewer.post(f"/review/{alert.code}/", {"verdict": "confirm"}).status_code == 403
    assert not Review.objects.exists()


def test_a_viewer_who_reads_a_case_does_not_claim_it(viewer, alert):
    viewer.get(f"/review/{alert.code}/")
    assert not Claim.objects.exists()
    operator = signed_in(account("otto", OPERATORS))
    operator.get(f"/review/{alert.code}/")
    assert "otto has held this case since" in viewer.get(f"/review/{alert.code}/").content.decode()


def test_a_viewer_reads_a_verdict_but_cannot_take_it_back(viewer, alert):
    otto = account("otto")
    review = judge(alert, Verdict.CONFIRM, otto)
    page = viewer.get(f"/review/{alert.code}/").content.decode()
    assert "otto" in page
    assert forms_that_change(page) == []
    assert viewer.post(f"/review/{alert.code}/undo/", {"review": review.pk}).status_code == 403


@pytest.mark.parametrize("path", ["/review/", "/events/", "/pairs/", "/pairs/images/", "/products/"])
def test_pages_for_operators_are_read_by_viewers_without_a_button_that_changes(viewer, path):
    page = viewer.get(path)
    assert page.status_code == 200
    assert forms_that_change(page.content.decode()) == []
    assert "Add data" not in page.content.decode()
