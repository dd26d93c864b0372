"""Client of time-stamp services by HTTP (RFC 3161, section 3.4)."""

import requests

from core.http.allow_list import AllowList
from core.http.faults import SearchFailed
from core.http.transport import guard

TIMEOUT_SECONDS = (10.0, 30.0)  # The times are for connecting and between two bytes.
MAX_BYTES = 100_000
REQUEST = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}


def ask(*, url: str, request: bytes, allowed: AllowList) -> bytes:
    """Return the answer (DER) of the service at an address to a request. Raises SourceError."""
    allowed.check(url)
    with guard(requests.Session(), allowed, answers=True) as session:
        try:
            answer = session.post(url, data=request, headers=REQUEST, timeout=TIMEOUT_SECONDS)
        except requests.RequestException as fault:
            raise SearchFailed(f"The time-stamp service does not answer ({type(fault).__name__}).") from fault
    if answer.status_code != 200 or len(answer.content) > MAX_BYTES:
        raise SearchFailed(f"The time-stamp service answers {answer.status_code} with {len(answer.content):,} bytes.")
    return answer.content
