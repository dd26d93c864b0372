"""Names that stand in rows: reasons of pauses, permissions, entries of the schedule."""

from django.db import migrations

PAUSE_REASONS = {"asked": "owner"}
PERMISSIONS = {("outgoingmail", "outgoing mail"): ("outgoingmessage", "outgoing message")}
SCHEDULE = {  # name and task of an entry of the schedule, before and after
    ("data 2 tell of given files that wait", "ingest.tasks.announce_jobs"): (
        "data 2 announce files that are waiting",
        "ingest.tasks.announce_jobs",
    ),
    ("mail 1 queue what is to be told", "monitor.tasks.announce_transitions"): (
        "mail 1 queue the news of alerts",
        "monitor.tasks.announce_transitions",
    ),
    ("mail 2 send what is queued", "monitor.tasks.send_mails"): (
        "mail 2 send what is queued",
        "monitor.tasks.send_messages",
    ),
}


def _swapped(names):
    return {new: old for old, new in names.items()}


def _rename_values(apps, reasons, permissions, schedule):
    subscriptions = apps.get_model("monitor", "Subscription").objects
    for old, new in reasons.items():
        subscriptions.filter(pause_reason=old).update(pause_reason=new)
    for (old, old_name), (new, new_name) in permissions.items():
        _rename_permissions(apps.get_model("auth", "Permission").objects, (old, old_name), (new, new_name))
    entries = apps.get_model("django_celery_beat", "PeriodicTask").objects
    for (name, _), (new_name, new_task) in schedule.items():
        if new_name == name or not entries.filter(name=new_name).exists():
            entries.filter(name=name).update(name=new_name, task=new_task)


def _rename_permissions(rows, old, new):
    """Of a model: (name in code, name in words). What the new model has got already is not made twice."""
    for permission in rows.filter(content_type__app_label="monitor", codename__endswith=f"_{old[0]}"):
        codename = permission.codename.replace(old[0], new[0])
        if rows.filter(content_type=permission.content_type, codename=codename).exists():
            permission.delete()
            continue
        permission.codename, permission.name = codename, permission.name.replace(old[1], new[1])
        permission.save(update_fields=["codename", "name"])


def forwards(apps, schema_editor):
    _rename_values(apps, PAUSE_REASONS, PERMISSIONS, SCHEDULE)


def backwards(apps, schema_editor):
    _rename_values(apps, _swapped(PAUSE_REASONS), _swapped(PERMISSIONS), _swapped(SCHEDULE))


class Migration(migrations.Migration):

    dependencies = [
        ("monitor", "0004_messages_of_any_channel"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(forwards, backwards)]
