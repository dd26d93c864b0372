"""What a job says of its file: one line, of printable text, without a path of ours."""

from ingest.errors import InputError, one_line
from ingest.models import IngestJob


def refusal(job: IngestJob, fault: InputError) -> str:
    """An InputError with the name that the file was given by in place of where we keep it."""
    folder = job.stored_path.rpartition("/")[0]
    said = f"{fault.found}. {fault.remedy}.".replace(job.stored_path, job.original_name).replace(f"{folder}/", "")
    return one_line(f"{job.original_name}: {said}")
