"""The clock of a request runs while the site computes, and neither while a body comes nor while an answer goes."""

import time

from monitor.web.deadlines import CLOCK, with_deadline

SECONDS = 0.2


class SlowBody:
    def read(self, *size: int) -> bytes:
        time.sleep(SECONDS)
        return b"body"


def served(application) -> tuple[float, float]:
    """Seconds that the clock has counted in all, and without a pause, once the answer was sent slowly."""
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "wsgi.input": SlowBody()}
    answer = with_deadline(application)(environ, lambda status, headers: None)
    for _ in answer:
        time.sleep(SECONDS)
    answer.close()
    return environ[CLOCK].worked_seconds(), environ[CLOCK].stretch_seconds()


def test_time_of_sending_and_reading_is_the_visitors():
    worked, stretch = served(lambda environ, start: [environ["wsgi.input"].read(4), b"more"])
    assert worked < SECONDS
    assert stretch == 0.0


def test_what_is_computed_before_and_between_the_pieces_of_an_answer_counts():
    def pieces():
        for _ in range(2):
            time.sleep(SECONDS)
            yield b"piece"

    def application(environ, start):
        time.sleep(SECONDS)
        return pieces()

    assert served(application)[0] >= 3 * SECONDS


def test_a_piece_of_a_body_begins_a_new_stretch():
    stretches = []

    def application(environ, start):
        for _ in range(2):
            time.sleep(SECONDS)
            stretches.append(environ[CLOCK].stretch_seconds())
            environ["wsgi.input"].read(1)
        return []

    worked, _ = served(application)
    assert worked >= 2 * SECONDS
    assert all(stretch < 2 * SECONDS for stretch in stretches)
