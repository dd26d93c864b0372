"""Client of time-stamp services by HTTP (RFC 3161, section 3.4)."""

import time

import requests

from ground_motion.core.http.allow_list import AllowList
from ground_motion.core.http.faults import SearchFailed
from ground_motion.core.http.transport import guard

TIMEOUT_SECONDS = (10.0, 30.0)  # The times are for connecting and between two bytes.
MAX_SECONDS = 60.0  # A whole answer takes at most this long.
MAX_BYTES = 100_000
REQUEST = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}


def ask(*, url: str, request: bytes, allowed: AllowList) -> bytes:
    """Return the answer (DER) of the service at an address to a request. Raises SourceError."""
    allowed.check(url)
    ends_at, read = time.monotonic() + MAX_SECONDS, bytearray()
    with guard(requests.Session(), allowed) as session:
        try:
            # A redirect is refused as well, because its body would be read without a limit.
            with session.post(
                url, data=request, headers=REQUEST, timeout=TIMEOUT_SECONDS, stream=True, allow_redirects=False
            ) as answer:
                if answer.status_code != 200:
                    raise SearchFailed(f"The time-stamp service answers {answer.status_code}.")
                for byte in answer.iter_content(1):  # Reading more at once would block until all bytes are there.
                    read += byte
                    if len(read) > MAX_BYTES or time.monotonic() > ends_at:
                        raise SearchFailed(
                            f"The time-stamp service answers too slowly, or more than {MAX_BYTES:,} bytes."
                        )
        except requests.RequestException as fault:
            raise SearchFailed(f"The time-stamp service does not answer ({type(fault).__name__}).") from fault
    return bytes(read)
