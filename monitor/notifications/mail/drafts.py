"""Drafts of mails: what many readers share is written once; blanks stand for texts of the single reader."""

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from email.mime.image import MIMEImage
from html import escape
from typing import Any, TypeVar

from django.core.mail import EmailMultiAlternatives

Made = TypeVar("Made")
MAX_KEPT = 256  # drafts of some 50 kB, or pictures of some 15 kB
# Letters of the private use area, so that no text holds a blank.
BLANK, BLANKS = "\ue000{}\ue001", re.compile("\ue000([a-z0-9]+)\ue001")


def blank(name: str) -> str:
    """Return the placeholder for a text that differs by reader. name: lower-case letters and digits."""
    return BLANK.format(name)


class Draft:
    """Template of a mail to many readers; text and HTML may have blanks. pictures: images that the HTML shows."""

    def __init__(self, *, subject: str, text: str, html: str, pictures: Sequence[MIMEImage] = ()) -> None:
        self.subject, self.pictures = subject, pictures
        self._text, self._html = BLANKS.split(text), BLANKS.split(html)

    def mail(self, *, to: str, headers: dict[str, str], words: Mapping[str, str]) -> EmailMultiAlternatives:
        """Return the mail to one reader. words: the plain texts that fill the blanks, by the blanks' names."""
        safe = {name: escape(value) for name, value in words.items()}
        mail = Related(self.subject, _filled(self._text, words), to=[to], headers=headers)
        mail.attach_alternative(_filled(self._html, safe), "text/html")
        for picture in self.pictures:
            mail.attach(picture)
        return mail


class Related(EmailMultiAlternatives):
    """Mail whose HTML shows what is attached."""

    mixed_subtype = "related"


class Kept(dict[Hashable, Any]):
    """Cache of drafts, pictures and words by the values that they depend on; the oldest are dropped."""

    def get_or_make(self, about: Hashable, make: Callable[[], Made]) -> Made:
        """Return the value kept for the key `about`; make and keep it if it is missing."""
        if about not in self:
            while len(self) >= MAX_KEPT:
                del self[next(iter(self))]
            self[about] = make()
        kept: Made = self[about]
        return kept


def _filled(parts: list[str], words: Mapping[str, str]) -> str:
    """Return a text with its blanks filled. parts: alternately a literal text and the name of a blank, a text first."""
    return "".join(words[part] if index % 2 else part for index, part in enumerate(parts))
