"""Base class of the site's Atom feeds."""

from django.utils.feedgenerator import Atom1Feed

from ingest.plain_text import plain_values


class PlainAtom(Atom1Feed):
    """Atom 1.0 feed of plain text: one stored character that XML forbids would break the whole feed."""

    def write(self, outfile, encoding: str) -> None:
        self.feed, self.items = plain_values(self.feed), plain_values(self.items)
        super().write(outfile, encoding)
