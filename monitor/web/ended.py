"""Record of web processes that were ended because a request hung; reported for a day.

The record is stored as a sign of life. The parent of the web processes starts
python -m monitor.web.ended WORDS ACCOUNT=SECONDS…
to write the record and to charge the requests that ended with a process.
"""

import logging
import os
import sys

import psycopg

logger = logging.getLogger(__name__)

PREFIX = "web process ended: "
MAX_NAME_LENGTH = 120  # of the name of a sign of life
ANSWER_SECONDS = 3


def ended_note(*, what: str) -> None:
    """Record that a web process was ended. what: the request that hung, or another reason, without secrets."""
    address = os.environ["DATABASE_URL"].replace("postgis://", "postgresql://", 1)
    row = (
        "INSERT INTO monitor_signoflife (name, seen_at) VALUES (%s, now())"
        " ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at"
    )
    try:
        with psycopg.connect(address, connect_timeout=ANSWER_SECONDS) as connection:
            connection.execute(row, [(PREFIX + what)[:MAX_NAME_LENGTH]])
    except psycopg.Error as fault:
        logger.error("could not record that a web process was ended (%s): %s", what, fault)


def main(words: str, charges: list[str]) -> None:
    """Record that a process was ended, if there are words, and charge the requests that ended with it."""
    if words:
        ended_note(what=words)
    if charges:
        from monitor.web.request_limits import seconds_charge  # loads the settings, which a record does not need

        for account, _, seconds in (charge.partition("=") for charge in charges):
            seconds_charge(account=account, seconds=float(seconds), ended=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
