"""What all feeds of this site share."""

from django.utils.feedgenerator import Atom1Feed

from ingest.plain_text import plain_values


class PlainAtom(Atom1Feed):
    """Atom 1.0 whose text is plain: a row that was stored with a character that XML lacks would end the whole feed."""

    def write(self, outfile, encoding: str) -> None:
        self.feed, self.items = plain_values(self.feed), plain_values(self.items)
        super().write(outfile, encoding)
