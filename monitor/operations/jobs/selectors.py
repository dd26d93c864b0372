"""Reading jobs: how many of each kind are in which state, and those of one kind."""

from typing import Any, NamedTuple

from django.db.models import Count, QuerySet

from monitor.operations.jobs.kinds import GROUPS, KINDS

OPEN = ("waiting", "running", "failed")


class JobChoice(NamedTuple):
    """kind: of KINDS; group: of GROUPS, or empty for what is not over."""

    kind: str
    group: str


def job_counts() -> dict[str, dict[str, int]]:
    """Count jobs by kind and group, with one query per kind."""
    counts = {}
    for name, kind in KINDS.items():
        numbers = dict.fromkeys(GROUPS, 0)
        rows = kind.model._default_manager.order_by().values_list("state").annotate(n=Count("pk"))
        for state, n in rows:
            numbers[kind.states[state]] += n
        counts[name] = numbers
    return counts


def jobs_of(*, choice: JobChoice) -> QuerySet[Any]:
    """Return jobs of a kind, the newest first."""
    kind, groups = KINDS[choice.kind], [choice.group] if choice.group else OPEN
    return (
        kind.rows().filter(state__in=[state for state, group in kind.states.items() if group in groups]).order_by("-pk")
    )
