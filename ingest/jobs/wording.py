"""The error of a job: one line of printable text, without a path of this machine."""

from ingest.errors import InputError, one_line
from ingest.models import IngestJob


def refusal(job: IngestJob, fault: InputError) -> str:
    """Return an InputError's text with the file's submitted name in place of its stored path."""
    folder = job.stored_path.rpartition("/")[0]
    sentence = f"{fault.problem}. {fault.remedy}.".replace(job.stored_path, job.original_name).replace(f"{folder}/", "")
    return one_line(f"{job.original_name}: {sentence}")
