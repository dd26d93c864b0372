"""Web processes that were ended because a request hung: noted when it happens, told of for a day.

The note is a last sign of life. It is written without Django, so that the parent of the web processes can let it be
written: python -m monitor.health.ended WORDS.
"""

import logging
import os
import sys

import psycopg

logger = logging.getLogger(__name__)

PREFIX = "web process ended: "
LONGEST_NAME = 120  # of a sign of life
ANSWER_SECONDS = 3


def ended_note(*, what: str) -> None:
    """Write that a web process was ended. what: what it hung in, without secrets."""
    address = os.environ["DATABASE_URL"].replace("postgis://", "postgresql://", 1)
    row = (
        "INSERT INTO monitor_signoflife (name, seen_at) VALUES (%s, now())"
        " ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at"
    )
    try:
        with psycopg.connect(address, connect_timeout=ANSWER_SECONDS) as connection:
            connection.execute(row, [(PREFIX + what)[:LONGEST_NAME]])
    except psycopg.Error as fault:
        logger.error("it could not be noted that a web process was ended (%s): %s", what, fault)


if __name__ == "__main__":
    ended_note(what=sys.argv[1])
