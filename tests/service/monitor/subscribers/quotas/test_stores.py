"""Every table that visitors can fill with much has a quota in bytes, or a reason to need none; new ones are found."""

import pytest
from django.apps import apps
from django.db import models
from django.test.utils import isolate_apps

from monitor.models.lines import Line
from monitor.models.operations import ResidentReport
from monitor.models.subscriptions import Holding
from monitor.subscribers.quotas.services import QUOTA
from tests.makers import stores as made
from tests.makers.reports import FORM
from tests.makers.stores import unlisted


def test_every_table_of_the_site_that_can_hold_much_has_a_quota_or_a_reason():
    assert unlisted(apps.get_models()) == []


@pytest.mark.parametrize(
    "field", [models.FileField(), models.BinaryField(), models.JSONField(), models.TextField()], ids=lambda one: one
)
def test_a_new_table_with_a_file_or_a_column_without_length_is_found(field):
    meta = type("Meta", (), {"app_label": "monitor"})
    with isolate_apps("monitor"):
        kept = type("Kept", (models.Model,), {"__module__": __name__, "Meta": meta, "content": field})
        assert unlisted([kept]) == ["monitor.Kept"]


def test_every_row_that_counts_bytes_has_its_quota():
    assert {one for one in apps.get_models() if issubclass(one, Holding)} == {Line}
    assert 0 < QUOTA.mailbox < QUOTA.network < QUOTA.total
    assert all((made.BOUNDED | made.STAFF).values())


@pytest.mark.django_db
def test_a_table_that_a_visitor_fills_is_found_by_the_request_whatever_the_table_says_of_it(client, monkeypatch):
    assert client.post("/reports/", FORM).status_code == 302
    monkeypatch.delitem(made.BOUNDED, ResidentReport)
    monkeypatch.setattr(made, "STAFF", made.STAFF | {ResidentReport: "said to be filled by operators"})
    with pytest.raises(AssertionError, match=r"/reports/ fills \['monitor.ResidentReport'\].*give it a quota"):
        client.post("/reports/", FORM)
