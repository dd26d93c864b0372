"""manage.py withdraw PRODUCT: take a product back, undo that, or delete it at once."""

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ingest.models import Product
from ingest.products.life import SEALED_DAYS, product_restore, product_withdraw
from monitor.operations.retention.services import product_delete_with_results


class Command(BaseCommand):
    """The command `withdraw`."""

    help = (
        "Take a product back: nothing of it is shown, searched or published any more, and alerts that rested on it"
        f" alone end. It is sealed for {SEALED_DAYS} days. What was mailed or copied cannot be recalled."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the product and what becomes of it."""
        parser.add_argument("product", type=int, metavar="PRODUCT", help="number of the product")
        parser.add_argument("--why", default="", help="the reason; everybody can read it")
        parser.add_argument("--undo", action="store_true", help="restore a sealed product with its alerts")
        parser.add_argument("--now", action="store_true", help="delete it at once; this cannot be undone")

    def handle(self, *args: Any, **options: Any) -> None:
        """Take the step, or name what is in its way."""
        product, by = Product.every.filter(pk=options["product"]).first(), getpass.getuser()
        if product is None:
            raise CommandError(f"There is no product {options['product']}. The address of its page has the number.")
        if options["undo"] and (options["now"] or options["why"]):
            raise CommandError("--undo takes neither --now nor --why. Leave them out.")
        named = f"Product {product.pk} ({product.name})"
        try:
            if options["undo"]:
                product_restore(product=product, by=by)
                self.stdout.write(f"{named} is restored, with its alerts.")
                return
            # Each is a transaction: a search that runs meanwhile sees the withdrawal before the rows are deleted.
            if not (options["now"] and product.withdrawn_at):
                product_withdraw(product=product, why=options["why"], by=by)
            if options["now"]:
                product_delete_with_results(product, by, options["why"])
        except ValueError as refused:
            raise CommandError(f"{refused}.") from refused
        if options["now"]:
            self.stdout.write(f"{named} is deleted.")
            return
        self.stdout.write(f"{named} is taken back. manage.py withdraw {product.pk} --undo restores it within")
        self.stdout.write(f"{SEALED_DAYS} days. What was mailed or copied before cannot be recalled.")
