"""Reading leaves no session; what has expired is deleted."""

import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone

from monitor import tasks

pytestmark = pytest.mark.django_db


def test_the_workbench_keeps_no_session(client, product):
    for address in (f"?on={product.pk}", "_dash-layout", "_dash-dependencies"):
        assert client.get(f"/workbench/{address}").status_code == 200
    address = {"id": "address", "property": "search", "value": f"?on={product.pk}"}
    body = json.dumps({"output": "sheet.children", "inputs": [address]})
    answer = client.post("/workbench/_dash-update-component", body, content_type="application/json")
    assert answer.status_code == 200
    assert settings.SESSION_COOKIE_NAME not in client.cookies
    assert not Session.objects.exists()


def test_expired_sessions_are_deleted_and_others_stay():
    for days in (-1, 1):
        session = SessionStore()
        session["user"] = days
        session.save()
        Session.objects.filter(pk=session.session_key).update(expire_date=timezone.now() + timedelta(days=days))
    tasks.clear_sessions()
    assert [one.get_decoded()["user"] for one in Session.objects.all()] == [1]
