"""What a job says of its file: one line, of printable text, without a path of ours."""

from ingest.errors import InputError
from ingest.models import IngestJob

LONGEST = 600


def one_line(text: str) -> str:
    """Text as one line that a database and a page can keep: no control characters, not longer than a paragraph."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def refusal(job: IngestJob, fault: InputError) -> str:
    """An InputError with the name that the file was given by in place of where we keep it."""
    folder = job.stored_path.rpartition("/")[0]
    said = f"{fault.found}. {fault.remedy}.".replace(job.stored_path, job.original_name).replace(f"{folder}/", "")
    return one_line(f"{job.original_name}: {said}")
