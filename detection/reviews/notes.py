"""Private notes on an alert, with photos and documents. What a file is, its content says; photos lose all metadata."""

import io
import warnings
from collections.abc import Sequence
from typing import NamedTuple

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

from detection.models import Alert, CaseFile, CaseNote
from detection.reviews.audit import audit_write
from detection.reviews.outlines import Unfit

LONGEST_NOTE = 4000
MOST_FILES, MOST_BYTES = 6, 10_000_000
MOST_PIXELS = 60_000_000
LONGEST_NAME = 100
SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "application/pdf": ".pdf"}


class Given(NamedTuple):
    """A file as a person sent it."""

    name: str
    content: bytes


def note_add(*, alert: Alert, author: AbstractBaseUser, text: str, files: Sequence[Given]) -> CaseNote:
    """Keep a note and its files, all or nothing. Raises Unfit."""
    text = text.strip()
    if not text and not files:
        raise Unfit(_("Write a note or choose a file."))
    if len(text) > LONGEST_NOTE:
        raise Unfit(_("A note has at most %(most)s characters.") % {"most": LONGEST_NOTE})
    if len(files) > MOST_FILES:
        raise Unfit(_("A note has at most %(most)s files.") % {"most": MOST_FILES})
    kept = [_kept(one) for one in files]
    with transaction.atomic():
        note = CaseNote.objects.create(alert=alert, author=author, text=text)
        for file in kept:
            file.note = note
            file.save()
        names = ", ".join(file.name for file in kept)
        audit_write(actor=author, action="note", subject=alert.code, detail=f"{text}\n{names}".strip())
        return note


def _kept(given: Given) -> CaseFile:
    if len(given.content) > MOST_BYTES:
        raise Unfit(_("%(file)s was not taken: a file has at most 10 megabytes.") % {"file": given.name})
    media_type, content = _cleaned(given)
    stem = "".join(c if c.isalnum() or c in "._- " else "_" for c in given.name.rsplit(".", 1)[0])[:LONGEST_NAME]
    name = f"{stem.strip(' .') or 'file'}{SUFFIXES[media_type]}"
    return CaseFile(name=name, media_type=media_type, size_bytes=len(content), content=content)


def _cleaned(given: Given) -> tuple[str, bytes]:
    """The type by content, and the content; a photo drawn anew, upright, without what the camera wrote beside it."""
    if given.content.startswith(b"%PDF-"):
        return "application/pdf", given.content
    refused = Unfit(_("%(file)s was not taken: only JPEG, PNG and PDF are.") % {"file": given.name})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(given.content), formats=["JPEG", "PNG"])
            if image.width * image.height > MOST_PIXELS:
                raise Unfit(_("%(file)s was not taken: a picture has at most 60 megapixels.") % {"file": given.name})
            form, upright = image.format, ImageOps.exif_transpose(image)
    except Unfit:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as fault:
        raise refused from fault
    mode = "RGB" if form == "JPEG" else "RGBA" if "A" in upright.getbands() or "transparency" in upright.info else "RGB"
    plain, out = Image.new(mode, upright.size), io.BytesIO()
    plain.paste(upright.convert(mode))
    plain.save(out, form, **({"quality": 90} if form == "JPEG" else {}))
    return f"image/{str(form).lower()}", out.getvalue()
