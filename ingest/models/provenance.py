"""Columns about the file that a row was loaded from."""

from django.contrib.gis.db import models

from ingest.readers.records import Direction

DIRECTIONS = [(d.value, d.value) for d in Direction if d]


class FromFile(models.Model):
    """The source of a row: the file, its attribution and licence, when and by whom it was loaded."""

    simulated = models.BooleanField(default=False)
    attribution = models.CharField(max_length=300, blank=True)
    licence = models.CharField(max_length=300, blank=True)
    header = models.JSONField(default=dict)
    file_name = models.CharField(max_length=255)
    file_sha256 = models.CharField(max_length=64, unique=True)
    loaded_at = models.DateTimeField(auto_now_add=True)
    loaded_by = models.CharField(max_length=150, blank=True, help_text="account; never shown to the public")

    class Meta:
        abstract = True
