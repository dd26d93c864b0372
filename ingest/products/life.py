"""Life of a loaded product after its load, which may correct another one: it is taken back, and may be restored."""

from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from ingest.models import Product, ProductEvent
from ingest.models.products import restored, withdrawn
from ingest.products import functions
from ingest.products.releases import releases_settle
from ingest.products.services import product_event, product_seal

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
    product_seal(product=product)
    product_event(product=product, act=Act.WITHDRAWN, by=by, why=why.strip())
    withdrawn.send(Product, product=product)


@transaction.atomic
def product_restore(*, product: Product, by: str) -> None:
    """Restore a sealed product under its number. ValueError if it is not sealed, or its file is loaded again.

    Its datum is due again; what was derived from it stays sealed until it is deleted and derived again.
    """
    if not products_sealed().filter(pk=product.pk).exists():
        raise ValueError(f"product {product.pk} ({product.name}) was not taken back in the last {SEALED_DAYS} days")
    again = Product.objects.filter(file_sha256=product.file_sha256).first()
    if again is not None:
        raise ValueError(f"product {again.pk} ({again.name}) holds the same file; take it back first")
    functions.product_unseal(product.pk)
    product.refresh_from_db()
    product_event(product=product, act=Act.RESTORED, by=by)
    releases_settle(like=product)
    restored.send(Product, product=product)
