"""Drafts of mails: what many readers share is written and encoded once; blanks stand for texts of the single reader."""

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from email.message import Message
from email.mime.image import MIMEImage
from email.utils import formatdate
from html import escape
from typing import Any, TypeVar

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.message import RFC5322_EMAIL_LINE_LENGTH_LIMIT, forbid_multi_line_headers

Made = TypeVar("Made")
MAX_KEPT = 256  # drafts of some 50 kB, or pictures of some 15 kB
# Private use, so that no text holds a blank; and not ASCII, so that a body with one is not declared as 7bit
BLANK, BLANKS = "\ue000{}\ue001", re.compile("\ue000([a-z0-9]+)\ue001")


def blank(name: str) -> str:
    """Return the placeholder for a text that differs by reader. name: lower-case letters and digits."""
    return BLANK.format(name)


class Draft:
    """Template of a mail to many readers; text and HTML may have blanks. pictures: images that the HTML shows."""

    def __init__(self, *, subject: str, text: str, html: str, pictures: Sequence[MIMEImage] = ()) -> None:
        self.subject, self.pictures = subject, pictures
        self._text, self._html = BLANKS.split(text), BLANKS.split(html)
        self._frame: list[bytes] | None = None

    def mail(self, *, to: str, headers: dict[str, str], words: Mapping[str, str]) -> "Letter":
        """Return the mail to one reader. words: the plain texts that fill the blanks, by the blanks' names."""
        safe = {name: escape(value) for name, value in words.items()}
        letter = Letter(self.subject, _filled(self._text, words), to=[to], headers=headers)
        letter.attach_alternative(_filled(self._html, safe), "text/html")
        letter.draft = self
        self.attach_pictures(letter)
        return letter

    def attach_pictures(self, mail: "Related") -> None:
        """Attach the pictures, if there are any, for use in the HTML."""
        for picture in self.pictures:
            mail.attach(picture)

    def frame(self) -> list[bytes]:
        """Return three encoded parts, made once: before the text, between text and HTML, and after the HTML."""
        if self._frame is None:
            text, html = blank("text"), blank("html")
            mail = Related(self.subject, text)
            mail.attach_alternative(html, "text/html")
            self.attach_pictures(mail)
            message = mail.message()
            del message["Date"], message["Message-ID"]
            head, rest = message.as_bytes(linesep="\r\n").split(text.encode())  # type: ignore[call-arg]  # Django's own
            self._frame = [head, *rest.split(html.encode())]
        return self._frame


class Related(EmailMultiAlternatives):
    """Mail whose HTML shows what is attached."""

    mixed_subtype = "related"


class Letter(Related):
    """Mail made from a draft; the parts that all its readers share are not encoded again."""

    draft: Draft

    def message(self) -> Message:  # type: ignore[override]  # as Django before version 6
        """Return the same message as Django, made from the encoded draft; Django makes it if a line is too long."""
        bodies = [str(part).replace("\n", "\r\n").encode() for part in (self.body, self.alternatives[0][0])]
        if any(len(line) > RFC5322_EMAIL_LINE_LENGTH_LIMIT for body in bodies for line in body.split(b"\r\n")):
            return super().message()
        date = formatdate(localtime=settings.EMAIL_USE_LOCALTIME)
        message = Encoded()
        for name, value in {"To": ", ".join(self.to), "Date": date, **self.extra_headers}.items():
            if name != "From":  # stands in the frame
                message[name] = value
        lines = "".join(f"{name}: {value}\r\n" for name, value in message.items())
        before, between, after = self.draft.frame()
        message.content = b"".join([lines.encode(), before, bodies[0], between, bodies[1], after])
        return message


class Encoded(Message):
    """Message with the headers of one reader. content: the bytes of the whole mail, with CRLF line endings."""

    content: bytes

    def __setitem__(self, name: str, value: str) -> None:
        super().__setitem__(*forbid_multi_line_headers(name, value, settings.DEFAULT_CHARSET))

    def as_bytes(self, unixfrom: bool = False, policy: object = None, linesep: str = "\n") -> bytes:
        """Return the encoded mail with this line ending."""
        return self.content if linesep == "\r\n" else self.content.replace(b"\r\n", linesep.encode())


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
