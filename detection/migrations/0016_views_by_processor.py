"""What is remembered of a track is remembered by processor: its name ends with the format that the product came in."""

from django.db import migrations

PAIR = "pair"


def _rename(apps, new_name) -> None:
    for life in apps.get_model("detection", "AlertLife").objects.order_by("pk").iterator():
        names = {name: new_name(apps, life, name) for name in {*life.views, *life.told["views"]}}
        life.views = {names[name]: one for name, one in life.views.items()}
        told = {names[name]: one for name, one in life.told["views"].items()}
        life.told = life.told | {"views": told, "main": names.get(life.told["main"], "")}
        life.save(update_fields=["views", "told"])


def _with_processor(apps, life, name: str) -> str:
    if name.split("/")[0] == PAIR:
        return name
    by = life.told["views"].get(name, {}).get("by", "")
    return f"{name}/{by.split(', ')[0] if by else _newest_format(apps, life)}"


def _newest_format(apps, life) -> str:
    products = apps.get_model("ingest", "Product").objects.filter(runs__prediction__scan__detections__alert=life.alert_id)
    return products.order_by("-pk").values_list("source_format", flat=True).first() or ""


def _without_processor(apps, life, name: str) -> str:
    return name if name.split("/")[0] == PAIR else name.rpartition("/")[0]


class Migration(migrations.Migration):
    dependencies = [("detection", "0015_evidence"), ("ml", "0009_companions"), ("ingest", "0021_states_of_mines")]

    operations = [
        migrations.RunPython(
            lambda apps, editor: _rename(apps, _with_processor), lambda apps, editor: _rename(apps, _without_processor)
        )
    ]
