"""Private notes on an alert, with photos and documents. File types come from the content; photos lose all metadata."""

from collections.abc import Sequence
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from detection.models import Alert, CaseFile, CaseNote
from detection.reviews.audit import audit_write
from detection.reviews.outlines import Unfit
from ground_motion.core.errors import InputError
from ingest.jobs.given import NotRead, read_given

MAX_NOTE_LENGTH = 4000
MAX_FILES, MAX_BYTES = 6, 10_000_000
MAX_NAME_LENGTH = 100
SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "application/pdf": ".pdf"}


class Given(NamedTuple):
    """Unchecked file from a person."""

    name: str
    content: bytes


def note_add(*, alert: Alert, author: User, text: str, files: Sequence[Given]) -> CaseNote:
    """Save a note and all its files, or nothing. Raises Unfit."""
    text = text.strip()
    if not text and not files:
        raise Unfit(_("Write a note or choose a file."))
    if len(text) > MAX_NOTE_LENGTH:
        raise Unfit(_("A note has at most %(most)s characters.") % {"most": MAX_NOTE_LENGTH})
    if len(files) > MAX_FILES:
        raise too_many_files()
    kept = [_keep(upload) for upload in files]
    with transaction.atomic():
        note = CaseNote.objects.create(alert=alert, author=author, text=text)
        for file in kept:
            file.note = note
            file.save()
        names = ", ".join(file.name for file in kept)
        audit_write(actor=author, action="note", subject=alert.code, detail=f"{text}\n{names}".strip())
        return note


def too_many_files() -> Unfit:
    """Return the refusal of a note with too many files."""
    return Unfit(_("A note has at most %(most)s files.") % {"most": MAX_FILES})


def _keep(given: Given) -> CaseFile:
    if len(given.content) > MAX_BYTES:
        raise Unfit(_("%(file)s was not taken: a file has at most 10 megabytes.") % {"file": given.name})
    media_type, content = _clean(given)
    stem = "".join(c if c.isalnum() or c in "._- " else "_" for c in given.name.rsplit(".", 1)[0])[:MAX_NAME_LENGTH]
    name = f"{stem.strip(' .') or 'file'}{SUFFIXES[media_type]}"
    return CaseFile(name=name, media_type=media_type, size_bytes=len(content), content=content)


def _clean(given: Given) -> tuple[str, bytes]:
    """Return the media type and content of a file; a confined process re-encodes a photo. Raises Unfit."""
    if given.content.startswith(b"%PDF-"):
        return "application/pdf", given.content
    try:
        content = read_given("picture", given.content)
    except NotRead as fault:
        problem, remedy = _("it is damaged or too complicated"), _("Make it smaller, or save it again")
        raise _not_taken(given, problem, remedy) from fault
    except InputError as fault:
        problem, remedy = (_(words) % fault.values if fault.values else _(words) for words in fault.words)
        raise _not_taken(given, problem, remedy) from fault
    return ("image/png" if content.startswith(b"\x89PNG") else "image/jpeg"), content


def _not_taken(given: Given, problem: str, remedy: str) -> Unfit:
    refusal = _("%(file)s was not taken: %(problem)s. %(remedy)s.")
    return Unfit(refusal % {"file": given.name, "problem": problem, "remedy": remedy})
