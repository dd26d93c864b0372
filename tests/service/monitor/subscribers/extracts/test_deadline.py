"""A file of an area that takes too long, in all attempts together, is ended like a hung run; by real processes."""

import json
import os
import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.core import mail
from django.db import connection
from django.utils import timezone

from monitor.models.operations import Extract
from monitor.notifications.rounds import messages_send
from monitor.operations.jobs.kinds import KINDS
from monitor.subscribers.extracts import services
from tests.waiting import HANG_SECONDS, reread

pytestmark = pytest.mark.django_db(transaction=True)
HANGING = """
import sys, time, django
django.setup()
from monitor.subscribers.extracts import services
services.layers_of = lambda **_: time.sleep(3600)
services.extract_make(extract_id=int(sys.argv[1]))
"""


def test_a_file_that_takes_too_long_fails_for_good_and_the_mail_says_why_and_what_to_do(client):
    area = MultiPolygon(Polygon.from_bbox((10, 60, 11, 61)), srid=4326)
    wish = {"email": "gis@example.org", "area": area, "file_format": "csv", "products": [], "n_points": 5}
    before = services.MAX_WORK.total_seconds() - 0.3  # that earlier attempts have worked
    asked = Extract.objects.create(**wish, label="place", confirmed_at=timezone.now(), worked_seconds=before)
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = os.environ | {
        "DATABASE_URL": urlunsplit(database),
        "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"],
        "TEST_SETTINGS": json.dumps({"RUN_BEAT_SECONDS": 0.1}),
    }
    process = subprocess.Popen([sys.executable, "-c", HANGING, str(asked.pk)], env=environment)
    assert process.wait(HANG_SECONDS) == 1
    assert (reread(asked).state, asked.cause, asked.lease_until) == ("failed", "stalled", None)
    assert asked.error == "It took longer than 30 minutes."
    services.extracts_make()
    messages_send()
    (letter,) = mail.outbox
    assert letter.subject == "Your file with points could not be made"
    assert "took longer than 30 minutes. Ask for a smaller area" in letter.body
    page = client.get(f"/extracts/{services.extract_token(asked.pk)}/").content.decode()
    assert "took longer than 30 minutes" in page
    assert KINDS["extracts"].retry(Extract.objects.all()) == 1
    assert reread(asked).worked_seconds == 0
