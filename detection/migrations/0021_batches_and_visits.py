"""Verdicts of one act on several cases, and visits on site with a day, a person and a result."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

ACCOUNT = {"null": True, "on_delete": django.db.models.deletion.SET_NULL, "related_name": "+"}


class Migration(migrations.Migration):
    dependencies = [
        ("detection", "0020_alerts_of_persons"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ReviewBatch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("reviewer", models.ForeignKey(to=settings.AUTH_USER_MODEL, **ACCOUNT)),
            ],
            options={"ordering": ["-id"]},
        ),
        migrations.AddField(
            model_name="review",
            name="batch",
            field=models.ForeignKey(
                help_text="of several verdicts in one act",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="reviews",
                to="detection.reviewbatch",
            ),
        ),
        migrations.CreateModel(
            name="FieldVisit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("remind", models.BooleanField(default=True, help_text="the visitor by mail, on the day before")),
                ("reminded_at", models.DateTimeField(null=True)),
                (
                    "result",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("seen", "traces of motion were seen"),
                            ("nothing", "nothing was seen"),
                            ("unreached", "the place could not be reached"),
                            ("moved", "it was planned anew"),
                        ],
                        max_length=10,
                    ),
                ),
                ("reported_at", models.DateTimeField(null=True)),
                (
                    "note",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="visit",
                        to="detection.casenote",
                    ),
                ),
                ("reported_by", models.ForeignKey(to=settings.AUTH_USER_MODEL, **ACCOUNT)),
                (
                    "review",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="visit", to="detection.review"
                    ),
                ),
                ("visitor", models.ForeignKey(to=settings.AUTH_USER_MODEL, **ACCOUNT)),
            ],
            options={"ordering": ["day", "id"]},
        ),
    ]
