"""manage.py sentences: print every kind of sentence shown to people, in the form of tests/docs/sentences.md."""

from django.core.management.base import BaseCommand

from lab.samples.sentences import table

HEADER = """# Sentences

For developers. Every kind of sentence that people read, made by the code from invented figures (`manage.py sentences`).
Write for a mayor: no term of the field in the first sentence, *sinking* and *rising* only where that was measured or
the kind implies it, how sure in words, nothing that the data cannot support. *Probably* is an interval that holds the
truth nine times in ten.

"""


def page() -> str:
    """Return the document."""
    return HEADER + table()


class Command(BaseCommand):
    """Command that prints the document."""

    help = "prints the table of sentences in tests/docs/sentences.md"

    def handle(self, *args: object, **options: object) -> None:
        """Print the document."""
        self.stdout.write(page(), ending="")
