"""A small service with something of everything, what it holds as hashes, and the stop link of a mail it has sent.

python -m tests.makers.service_state make FILE FOLDER | restored PATH
"""

import hashlib
import json
import sys
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import django

from monitor.start.process import process_prepare


def make(file: str, folder: str) -> dict[str, object]:
    """Make points, images, results, an alert with audit and a reader with a mail, and back all up.

    Return the path of its stop link, the content of the service, and what the command said.
    """
    import numpy as np
    from django.contrib.auth import get_user_model
    from django.contrib.gis.geos import MultiPolygon, Polygon
    from django.core.management import call_command
    from django.utils import timezone

    from detection.models import Alert, AlertTransition, AuditEntry, Detection, Scan
    from ingest.models import Scene
    from ingest.products.services import product_load
    from ml.models import Prediction
    from monitor.notifications import announcements, digests, rounds
    from monitor.notifications.mail.files import mails_kept
    from monitor.subscribers.subscriptions.services import demo_subscription_make
    from tests.makers import pairs

    product_load(path=Path(file))
    pairs.make_dates()
    for scene in Scene.objects.all():
        pairs.fill_scene(scene, np.full((pairs.ROWS, pairs.COLS), 0.1))
    get_user_model().objects.create_user("somebody", password="a long password of somebody")
    demo_subscription_make()
    area = MultiPolygon(Polygon.from_bbox((-12.01, 46.99, -11.99, 47.01)), srid=4326)
    figures = {"area": area, "area_m2": 3.4e6, "kind": "moving-ground", "speed_m_day": 1.0, "peak_speed_m_day": 1.5}
    figures |= {"speed_sigma_m_day": 0.1, "bearing_deg": 90.0}
    days = {"first_motion": datetime(2021, 12, 1, tzinfo=UTC).date(), "last_motion": datetime(2021, 12, 13, tzinfo=UTC)}
    alert = Alert.objects.create(severity="moderate", simulated=True, **days, **figures)
    prediction = Prediction.objects.filter(run__model_version__task="offsets").first()
    scan = Scan.objects.create(prediction=prediction, thresholds={}, n_detections=1)
    Detection.objects.create(scan=scan, alert=alert, score=0.9, n_points=20, **figures)
    AuditEntry.objects.create(actor="somebody", action="look", subject=alert.code)
    news = AlertTransition.objects.create(alert=alert, to_state="first", reason="seen")
    announcements.transition_announce(transition_id=news.pk)
    digests.messages_gather(now=timezone.now() + timedelta(hours=1))
    if rounds.messages_send() != 1:
        raise RuntimeError("no mail was sent")
    (mail,) = mails_kept()
    link = next(word.split("localhost:8000")[1] for word in mail.text.split() if "/subscribe/stop/" in word)
    made, said = content(), StringIO()
    call_command("backup", folder, stdout=said)
    return {"link": link, "content": made, "said": said.getvalue()}


def content() -> dict[str, object]:
    """Of every table how many rows it has and their hash, of every sequence its value, of every raster its hash.

    Left out are signs of life, which every backup gives one of.
    """
    from django.db import connection

    from ingest.foundation.storage import raster_entries, raster_storage
    from monitor.operations.database.rights import as_owner

    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
            " AND relnamespace = 'public'::regnamespace AND relname <> 'monitor_signoflife' ORDER BY relname"
        )
        rows = {}
        for (table,) in cursor.fetchall():
            cursor.execute(
                f"SELECT count(*), md5(coalesce(string_agg(t::text, ' ' ORDER BY t::text), '')) FROM \"{table}\" t"
            )
            rows[table] = cursor.fetchone()
        cursor.execute("SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'")
        sequences = dict(cursor.fetchall())
    rasters = {}
    for entry in raster_entries():
        with raster_storage().open(entry.name) as stream:
            rasters[entry.name] = hashlib.sha256(stream.read()).hexdigest()
    return {"rows": rows, "sequences": sequences, "rasters": rasters}


def stop(path: str) -> list[tuple[int, int]]:
    """Click on a stop link as a mail program does: where the key is another one, then where it is that of the mail.

    Return the status of each answer, and how many subscriptions are ended then.
    """
    from django.conf import settings
    from django.test import Client, override_settings

    from monitor.models.subscriptions import Subscription

    found = []
    for key in ("x" * 60, settings.SECRET_KEY):  # the first as where only database and rasters are copied back
        with override_settings(SECRET_KEY=key):
            answer = Client(headers={"host": "localhost"}).post(path, {"List-Unsubscribe": "One-Click"})
        found.append((answer.status_code, Subscription.objects.exclude(ended_at=None).count()))
    return found


if __name__ == "__main__":
    process_prepare()
    django.setup()
    verb, *arguments = sys.argv[1:]
    found = make(*arguments) if verb == "make" else {"content": content(), "answers": stop(*arguments)}
    sys.stdout.write(json.dumps(found))
