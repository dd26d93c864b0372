"""The error of a job: one line of printable text, without a path of this machine."""

from ingest.errors import InputError, one_line
from ingest.models import IngestJob


def refusal(job: IngestJob, fault: InputError) -> str:
    """The text of an InputError with the submitted name of the file in place of its stored path."""
    folder = job.stored_path.rpartition("/")[0]
    sentence = f"{fault.problem}. {fault.remedy}.".replace(job.stored_path, job.original_name).replace(f"{folder}/", "")
    return one_line(f"{job.original_name}: {sentence}")
