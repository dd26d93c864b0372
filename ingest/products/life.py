"""Life of a loaded product: it is corrected, taken back, restored while it is sealed, and deleted."""

from datetime import timedelta
from pathlib import Path

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from ground_motion.core.errors import AlreadyLoaded, InputError
from ground_motion.readers.records import Submission, VelocityField
from ingest.models import Product, ProductEvent
from ingest.models.products import restored, withdrawn
from ingest.products import functions
from ingest.products.datum import datum_settle
from ingest.products.loading import Expect, Progress
from ingest.products.releases import releases_settle
from ingest.products.services import product_delete, product_event, products_load

SEALED_DAYS = 30  # A withdrawn product is kept for this time, and can be restored.
Act = ProductEvent.Act


def products_sealed() -> QuerySet[Product]:
    """Return withdrawn products that can still be restored, the last withdrawn first."""
    since = timezone.now() - timedelta(days=SEALED_DAYS)
    return Product.every.filter(withdrawn_at__gt=since, derived_from=None).order_by("-withdrawn_at", "-pk")


@transaction.atomic
def product_withdraw(*, product: Product, why: str, by: str) -> None:
    """Take a product back: from now on nothing of it is served or searched. ValueError without a reason, or twice."""
    if not why.strip():
        raise ValueError("say why the product is taken back; everybody can read it")
    if product.derived_from.exists():
        raise ValueError(f"product {product.pk} ({product.name}) is made of others; take those back")
    _seal(product)
    product_event(product=product, act=Act.WITHDRAWN, by=by, why=why.strip())
    withdrawn.send(Product, product=product)


@transaction.atomic
def product_restore(*, product: Product, by: str) -> None:
    """Restore a sealed product under its number. ValueError if it is not sealed, or its file is loaded again."""
    if not products_sealed().filter(pk=product.pk).exists():
        raise ValueError(f"product {product.pk} ({product.name}) was not taken back in the last {SEALED_DAYS} days")
    again = Product.objects.filter(file_sha256=product.file_sha256).first()
    if again is not None:
        raise ValueError(f"product {again.pk} ({again.name}) holds the same file; take it back first")
    releases_settle(like=product)  # It takes the lock before rows are changed.
    for derived in Product.every.filter(derived_from=product).exclude(withdrawn_at=None):
        product_delete(product=derived)  # These are derived again from all products that stand then.
    Product.every.filter(pk=product.pk).update(withdrawn_at=None, derived_at=None, datum_at=None)
    product.refresh_from_db()
    product_event(product=product, act=Act.RESTORED, by=by)
    releases_settle(like=product)
    datum_settle(product=product)
    restored.send(Product, product=product)


@transaction.atomic
def product_correct(
    *,
    path: Path,
    submission: Submission,
    why: str,
    by: str,
    fields: tuple[VelocityField, ...] = (),
    progress: Progress = lambda points: None,
    expect: Expect = lambda points: None,
) -> list[Product]:
    """Load a file again with right declarations, and withdraw the version with wrong ones in the same transaction.

    Raises InputError if the file is not loaded, or its declarations are the same; then nothing has changed.
    """
    corrected: dict[str, Product] = {}

    def answer(path: Path, loaded: list[Product], differs: bool) -> dict[str, Product]:
        if not loaded:
            raise InputError(path, "there is nothing to correct: this file is not loaded", "Leave out --correct")
        if not differs:
            raise AlreadyLoaded(path, f"product {loaded[0].pk} has just these declarations", "Nothing to do")
        for product in loaded:
            _seal(product)
            corrected[product.component] = product
        return corrected

    made = products_load(
        path=path, submission=submission, fields=fields, progress=progress, expect=expect, answer_loaded=answer
    )
    by_component = {product.component: product for product in made}
    for component, old in corrected.items():
        new = by_component.get(component, made[0])
        product_event(product=old, act=Act.CORRECTED, by=by, why=why.strip(), other=new)
    return made


def _seal(product: Product) -> None:
    if not functions.product_seal(product.pk):
        raise ValueError(f"product {product.pk} ({product.name}) is taken back already")
    product.refresh_from_db(fields=["withdrawn_at"])
    releases_settle(like=product)
