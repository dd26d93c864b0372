"""A bulletin from the computer's draft to the public page: an operator comments, signs, and everybody reads it."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from ingest.products.services import product_load
from tests.makers.bulletins import made_draft
from tests.service.e2e.browsers import fits_any_window, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_draft_is_commented_signed_read_by_everybody_and_in_the_feed(open_page, operator, make_egms, client):
    draft = made_draft(product_load(path=make_egms()))
    public = open_page("phone")
    public.goto("/bulletins/")
    expect(public.get_by_text("No bulletin has been signed yet.")).to_be_visible()
    expect(public.get_by_text("A specialist still has to check and sign it.")).to_be_visible()

    page = open_page("desktop")
    sign_in(page)
    page.get_by_role("link", name="Check and sign the bulletin").click()
    expect(page.get_by_role("note")).to_contain_text("made by the computer")
    assert fits_any_window(page)
    page.get_by_label("Introduction").fill("A wet half year.")
    page.get_by_role("button", name="Save the draft").click()
    expect(page.get_by_label("Introduction")).to_have_value("A wet half year.")
    page.get_by_role("button", name="Save and sign").click()
    expect(page.get_by_text("Checked and signed by a specialist")).to_be_visible()
    expect(page.get_by_role("note")).to_have_count(0)

    public.reload()
    public.get_by_role("main").get_by_role("row").get_by_role("link").click()
    expect(public.get_by_text("At one place, the ground changed its speed")).to_be_visible()
    expect(public.get_by_text("A wet half year.")).to_be_visible()
    expect(public.get_by_role("img").first).to_be_visible()
    assert fits_any_window(public)
    public.get_by_role("link", name="Report to print").click()
    expect(public.get_by_text("A wet half year.")).to_be_visible()
    assert reverse("bulletin-detail", args=[draft.pk]) in client.get("/bulletins.atom").content.decode()
