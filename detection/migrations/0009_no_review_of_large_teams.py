"""Assignments, second looks and batches of verdicts go. What they held is written to the audit first, row by row."""

import json

from django.db import migrations

TABLES = ("Assignment", "SecondLook", "ReviewBatch")


def write_to_audit(apps, schema_editor):
    audit = apps.get_model("detection", "AuditEntry")
    reviews = apps.get_model("detection", "Review").objects
    for table in TABLES:
        entries = []
        for row in apps.get_model("detection", table).objects.order_by("pk").values():
            if table == "ReviewBatch":
                row["reviews"] = list(reviews.filter(batch=row["id"]).order_by("pk").values_list("pk", flat=True))
            subject = f"{table} {row['id']}"
            detail = json.dumps(row, default=str)
            entries.append(audit(actor="upgrade", action="row kept", subject=subject, detail=detail))
        audit.objects.bulk_create(entries, batch_size=1000)


class Migration(migrations.Migration):

    dependencies = [
        ('detection', '0008_texts_of_one_person'),
    ]

    operations = [
        migrations.RunPython(write_to_audit, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name='review',
            name='batch',
        ),
        *(migrations.DeleteModel(name=table) for table in TABLES),
    ]
