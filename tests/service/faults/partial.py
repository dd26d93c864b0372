"""Signs of a product that was loaded in part only."""

from django.db import connection

from ingest.models import MeasurementPoint, Product, PyramidCell
from ingest.products.partitions import POINTS, SERIES


def what_is_partial() -> list[str]:
    """Return every sign of an incomplete product; empty if there is none."""
    products = {product.pk: product for product in Product.objects.all()}
    wanted = {f"{table}_p{pk}" for table in (POINTS, SERIES) for pk in products}
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^ingest_.*_p[0-9]+$'")
        tables = {name for (name,) in cursor.fetchall()}
    signs = [f"table {name} without its product" for name in sorted(tables - wanted)]
    signs += [f"product without its table {name}" for name in sorted(wanted - tables)]
    for pk, product in products.items():
        counted = MeasurementPoint.objects.filter(product=product).count()
        if counted != product.n_points:
            signs.append(f"product {pk} has {counted} of {product.n_points} points")
        if sum(PyramidCell.objects.filter(product=pk, z=0).values_list("n", flat=True)) != product.n_points:
            signs.append(f"the pyramid of product {pk} is not whole")
    if PyramidCell.objects.exclude(product__in=products).exists():
        signs.append("a pyramid without its product")
    return signs
