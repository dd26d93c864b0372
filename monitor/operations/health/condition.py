"""Conditions, and how they are examined."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from ground_motion.core.errors import one_line


class Wrong(Exception):
    """Exception for a condition that does not hold: one plain sentence without secrets or addresses."""


class Doubtful(Exception):
    """Exception for a condition that still holds, but not for long unless somebody acts: one plain sentence."""


@dataclass(frozen=True)
class Condition:
    """Condition that holds in a healthy service, with its check and its remedy."""

    name: str
    check: Callable[[], str]  # Returns in a few words what holds; raises Wrong otherwise.
    remedy: str  # What an operator does if it is wrong.
    site_needs: bool = False  # Without it no page is answered.
    needs_database: bool = True
    alarms: bool = True  # Administrators get a mail; otherwise only `doctor` shows it.

    def __call__(self) -> str:
        """Check the condition. Raises Wrong, Doubtful."""
        return self.check()


def condition(name: str, remedy: str, **options: bool) -> Callable[[Callable[[], str]], Condition]:
    """Return a decorator that turns a check into a condition."""
    return lambda check: Condition(name, check, remedy, **options)


setup = partial(condition, needs_database=False, alarms=False)  # Checks of this machine, which only `doctor` shows.


@dataclass(frozen=True)
class Report:
    """Result of examining a condition. wrong: the fault; doubt: a fault that is coming; detail: else, what holds."""

    condition: Condition
    detail: str = ""
    wrong: str = ""
    doubt: str = ""
    unexpected: bool = False  # `wrong` is the text of an exception: not for the public


def examine(conditions: Iterable[Condition]) -> list[Report]:
    """Check conditions in their order; without a database, those that need one are left out."""
    reports: list[Report] = []
    for condition in conditions:
        if condition.needs_database and any(one.wrong for one in reports if one.condition.name == "database"):
            continue
        try:
            reports.append(Report(condition, detail=condition()))
        except Wrong as fault:
            reports.append(Report(condition, wrong=str(fault)))
        except Doubtful as doubt:
            reports.append(Report(condition, doubt=str(doubt)))
        except Exception as fault:  # any fault of a check has to be reported
            reports.append(Report(condition, wrong=one_line(str(fault)) or type(fault).__name__, unexpected=True))
    return reports
