"""Kinds that a network names: on pages, on marks, and for those who subscribed before there were names."""

from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

from detection.kinds import KINDS
from detection.rules.lifecycle import State

pytestmark = pytest.mark.django_db


def test_the_page_says_what_it_may_be_and_how_likely_that_is(client, make_alert):
    shares = {"mining_subsidence": 0.7, "groundwater_subsidence": 0.3}
    alert = make_alert(kind="mining-subsidence", class_shares=shares)
    page = client.get(alert.get_absolute_url()).content.decode()
    assert "Sinking ground, likely mining" in page
    assert "mining in 7, pumped groundwater in 3" in page
    by_sign = client.get(make_alert(kind="subsidence").get_absolute_url()).content.decode()
    assert "Possible cause" not in by_sign


def test_a_merged_alert_stands_in_no_list_and_keeps_its_page(client, make_alert):
    gone = make_alert(state="merged")
    assert gone.code not in client.get(reverse("alert-list")).content.decode()
    assert "followed under another alert" in client.get(gone.get_absolute_url()).content.decode()


def test_every_state_has_a_mark():
    style = (Path(settings.BASE_DIR) / "static/css/mark.css").read_text()
    plain = {State.FIRST}  # the mark as it is
    assert [state for state in set(State) - plain if f".mark--{state}" not in style] == []


def test_legend_and_about_page_have_a_row_for_every_kind(client):
    legend, about = (client.get(reverse(name)).content.decode() for name in ("map", "about"))
    for row in KINDS.values():
        assert f"<li>{row.short}</li>" in legend
        assert f'<li class="mark {row.mark.classes}"' in legend
        assert str(row.meaning) in about
