"""SMTP backend: Django's, with a time limit for each part of a conversation with the mail server.

EMAIL_TIMEOUT limits connecting with signing in, and separately the transfer of each mail. The server may take twice as
long to answer a whole mail: if we cut it off earlier, it may have the mail, and get it again (RFC 5321, 4.5.3.2.6).
The sum, four times EMAIL_TIMEOUT plus QUIT, is shorter than the lease of the message.
"""

import re
import smtplib
import socket
from functools import partial
from typing import Any

from django.core.mail.backends import smtp

from ground_motion.core.errors import promised
from monitor.web.outward import Deadline

QUIT_SECONDS = 5.0


class EmailBackend(smtp.EmailBackend):
    """SMTP backend with time limits, for mails to readers and to administrators."""

    @property
    def connection_class(self) -> Any:
        """Return the maker of connections: with TLS from the first byte if `use_ssl` is set, else without."""
        return partial(_SecureConversation if self.use_ssl else _Conversation)

    def open(self) -> bool | None:
        """Connect and sign in within EMAIL_TIMEOUT. Return True, False if already open, None if it failed silently."""
        if self.connection is not None and self.connection.sock is None:
            self.connection = None  # The connection was closed when its time was up.
        return super().open()

    def _close_connection(self, connection: "_Conversation") -> None:
        connection.deadline = Deadline(min(QUIT_SECONDS, connection.timeout))
        super()._close_connection(connection)  # type: ignore[misc]  # Django's own, private


class _Lines:
    """Reader of a server's lines. unread: bytes received but not yet returned; answer: bytes of the current answer."""

    def __init__(self, conversation: "_Conversation") -> None:
        self.conversation, self.unread, self.answer = conversation, b"", b""

    def readline(self, most_bytes: int) -> bytes:
        while b"\n" not in self.unread and len(self.unread) < most_bytes:
            piece = self.conversation.deadline.receive(promised(self.conversation.sock), 4096)
            if not piece:
                break
            self.unread, self.answer = self.unread + piece, self.answer + piece
        end = min(self.unread.find(b"\n") + 1 or most_bytes, most_bytes)
        line, self.unread = self.unread[:end], self.unread[end:]
        return line

    def close(self) -> None:
        """Keep the received bytes, because `_Conversation.data` examines them after the connection is closed."""


class _Conversation(smtplib.SMTP):
    """An SMTP connection with a deadline. timeout: seconds for each part of the conversation."""

    sock: socket.socket | None
    file: _Lines | None = None

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        self.deadline = Deadline(timeout)
        connection = self.deadline.connect(host, port)
        self.deadline.limit(connection)  # A TLS handshake may follow.
        return connection

    def getreply(self) -> tuple[int, bytes]:
        """Return code and text of an answer. If time is up, close the connection and raise SMTPServerDisconnected."""
        self.file = self.file or _Lines(self)
        self.file.answer = self.file.unread
        answer = super().getreply()
        if self.sock:
            self.deadline.limit(self.sock)
        return answer

    def send(self, s: Any) -> None:
        """Send a command or a mail. On failure or timeout, close the connection and raise SMTPServerDisconnected."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("The connection is closed.")
        try:
            self.deadline.send(self.sock, s.encode(self.command_encoding) if isinstance(s, str) else s)
        except OSError as fault:
            self.close()
            raise smtplib.SMTPServerDisconnected(f"The connection was lost: {fault}") from None

    def sendmail(self, *args: Any, **kwargs: Any) -> dict[str, tuple[int, bytes]]:
        """Send one mail, with a deadline of its own."""
        self.deadline = Deadline(self.timeout)
        return super().sendmail(*args, **kwargs)

    def data(self, msg: bytes) -> tuple[int, bytes]:  # type: ignore[override]  # Django gives bytes only
        """Send a mail whose lines end in CRLF; return code and text of the server's answer."""
        # An answer that begins with 2 shows that the server has the mail (RFC 5321, 4.2.1), even if the rest does not
        # arrive in time. If nothing arrives, the mail is sent again under the same Message-ID, because none may be
        # lost.
        code, answer = self.docmd("data")
        if code != 354:
            raise smtplib.SMTPDataError(code, answer)
        end = b".\r\n" if msg.endswith(b"\r\n") else b"\r\n.\r\n"
        self.send(re.sub(rb"(?m)^\.", b"..", msg) + end)
        self.deadline, lines = Deadline(2 * self.timeout), self.file
        try:
            code, answer = self.getreply()
        except smtplib.SMTPServerDisconnected:
            if lines is None or not lines.answer.startswith(b"2"):
                raise
        return (250 if lines and lines.answer.startswith(b"2") else code), answer


class _SecureConversation(smtplib.SMTP_SSL, _Conversation):
    """An SMTP connection with a deadline, under TLS from the first byte."""
