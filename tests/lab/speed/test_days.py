"""What the hundred days would show: something that grows, a mail that came twice or never."""

from email.message import EmailMessage

import pytest


@pytest.fixture
def driver():
    """The driver's arithmetic, in this process: its clock and its processes are not started."""
    from lab.speed.days import driver

    return driver


def day(number: int, **values) -> dict[str, float]:
    usual = {"web_memory_mb": 300, "worker_memory_mb": 800, "web_open_files": 40, "worker_open_files": 100}
    kept = {"database_mb": 50, "rasters_mb": 20, "evidence_mb": 5, "oldest_waiting_days": 0.0}
    return usual | kept | {name: value(number) for name, value in values.items()}


def test_what_grows_is_told_from_what_is_level(driver):
    rows = driver.results([day(n, worker_memory_mb=lambda n: 500 + 5 * n) for n in range(100)], 12)
    ratios = {row["what"].removeprefix("100 days: "): row["ratio"] for row in rows}
    assert ratios["memory of the workers"] == pytest.approx(1000 / 800, abs=0.01)
    assert ratios["database"] == ratios["open files"] == 1.0


def test_a_mail_that_came_twice_or_never_is_an_error(driver, db):
    from lab.speed.days.people import Mailbox

    mailbox = Mailbox()
    for ident in ("<a@x>", "<a@x>", "<b@x>"):
        mail = EmailMessage()
        mail["Message-ID"] = ident
        mailbox.mails.append(mail)
    assert driver.whats_wrong(mailbox, {"<a@x>", "<c@x>"}) == [
        "1 mails came more than once",
        "1 sent mails never came",
        "1 mails came that nobody sent",
    ]
    assert driver.whats_wrong(mailbox, {"<a@x>", "<b@x>"}) == ["1 mails came more than once"]
