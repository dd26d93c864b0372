"""Merging partitions changes where rows lie and nothing that is read, whoever reads or dies meanwhile."""

import threading
from collections.abc import Callable, Iterable, Iterator
from math import asinh, pi, radians, tan

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, transaction

from ground_motion.core.projections import transformer
from ingest.foundation.locks import Lock, try_lock
from ingest.models import DisplacementSeries, MeasurementPoint, Product
from ingest.products import functions, partitions, parts, selectors
from ingest.products.datum import datum_settle
from ingest.products.partitions import POINTS, SERIES
from ingest.products.services import product_delete, product_load
from monitor.maps.map.layers import BY_NAME
from monitor.maps.map.selectors import layer_products, points_tile
from tests.fixtures.servers import OWN_LOCKS
from tests.waiting import Elsewhere, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
ZOOMS = (5, 10, 12, 14)
N_POINTS = 40


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch):
    """Merging begins with four parts."""
    monkeypatch.setattr(parts, "MIN_LOOSE", 4)
    monkeypatch.setattr(parts, "PAUSES_SECONDS", ())


@pytest.fixture
def loaded(make_egms) -> Iterator[list[Product]]:
    """Five products, each half over the one before, and nothing else: a sweep after a test leaves empty partitions."""
    with connection.cursor() as cursor:
        for number in layout():
            cursor.execute(partitions.drop(int(number)))
    made = load(make_egms, range(5))
    yield made
    for product in Product.objects.filter(pk__in=[one.pk for one in made]):
        product_delete(product=product)
    assert not layout()


def name(index: int) -> str:
    return f"EGMS_L2b_117_{index:04d}_IW2_VV_2020_2024_1.zip"


def load(make_egms, numbers: Iterable[int], **options) -> list[Product]:
    """Products of these numbers."""
    made = {"n": N_POINTS, "xml": None}
    return [product_load(path=make_egms(name=name(n), change=moved(n), **made), **options) for n in numbers]


def moved(index: int) -> Callable[[dict[str, list]], None]:
    def change(table: dict[str, list]) -> None:
        table["pid"] = [f"{index}-{pid}" for pid in reversed(table["pid"])]
        table["easting"] = [easting + 50.0 * N_POINTS / 2 * index for easting in table["easting"]]
        longitude, latitude = transformer(3035, 4326).transform(table["easting"], table["northing"])
        table["longitude"], table["latitude"] = list(longitude), list(latitude)
        table["mean_velocity"] = [float(index + row) for row in range(N_POINTS)]

    return change


def layout() -> dict[str, list[int]]:
    """Product ids by number of the part, the same for both tables."""
    found = []
    for table in (POINTS, SERIES):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT replace(relname, %s, ''), pg_get_expr(relpartbound, c.oid) FROM pg_class c"
                " JOIN pg_inherits ON inhrelid = c.oid WHERE inhparent = %s::regclass",
                [f"{table}_p", table],
            )
            found.append({n: [int(part) for part in bound.split("'")[1::2]] for n, bound in cursor.fetchall()})
    assert found[0] == found[1]
    return found[0]


def tables() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relname ~ %s", [f"^({POINTS}|{SERIES})(_p|$)"]
        )
        return {name for (name,) in cursor.fetchall()}


def tile_at(zoom: int) -> bytes:
    """The tile of the newest product's middle."""
    middle = Product.objects.latest("id").footprint.centroid
    x = int((middle.x + 180) / 360 * 2**zoom)
    y = int((1 - asinh(tan(radians(middle.y))) / pi) / 2 * 2**zoom)
    return points_tile(products=layer_products(layer=BY_NAME["los"]), z=zoom, x=x, y=y)


def read() -> dict[str, object]:
    """What the service shows of everything."""
    columns = [field.name for field in MeasurementPoint._meta.concrete_fields if field.name != "pk"]
    shown: dict[str, object] = {
        "points": list(MeasurementPoint.objects.order_by("product_id", "pid").values_list(*columns)),
        "series": [
            (*row[:2], bytes(row[2]))
            for row in DisplacementSeries.objects.order_by("product_id", "pid").values_list(
                "product_id", "pid", "packed"
            )
        ],
        "tiles": [tile_at(zoom) for zoom in ZOOMS],
    }
    for product in Product.objects.order_by("pk"):
        ground = product.footprint
        shown[f"of {product.pk}"] = [
            [list(column) for column in selectors.product_points(product=product)],
            [list(row) for block in selectors.product_series(product=product) for row in block],
            selectors.usual_velocity_std(product=product),
            selectors.points_count_within(product=product, area=ground),
            selectors.points_behind(product_id=product.pk, pid="1", boxes=(), most=7),
        ]
    return shown


def test_everything_reads_the_same_before_and_after_and_lies_as_on_the_ground(loaded, capsys):
    before, parts_before = read(), layout()
    assert all(before["tiles"])
    assert len(parts_before) == 5
    call_command("mergepoints")
    assert capsys.readouterr().out == "5 parts of 200 points became one\n1 parts of points and of series\n"
    ((number, ids),) = layout().items()
    assert ids == [product.pk for product in loaded]
    assert read() == before
    assert parts.parts_merge() is None
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename = %s", [f"{POINTS}_p{number}"])
        indexes = " ".join(row[0] for row in cursor.fetchall())
        cursor.execute(
            "SELECT contype FROM pg_constraint WHERE conrelid = ANY (%s::regclass[])",
            [[f"{POINTS}_p{number}", f"{SERIES}_p{number}"]],
        )
        assert {kind for (kind,) in cursor.fetchall()} <= {"p", "n"}
        cursor.execute(f"SELECT product_id, ST_X(tile_point) FROM {POINTS} ORDER BY tableoid, ctid")
        rows = cursor.fetchall()
        cursor.execute(f"SELECT product_id, ST_X(tile_point) FROM {POINTS} ORDER BY product_id, tile_point")
        assert rows == cursor.fetchall()
    assert "gist (tile_point)" in indexes
    assert "(product_id, pid)" in indexes


def test_products_join_a_merged_part_and_leave_it_and_the_last_takes_it_along(loaded, make_egms):
    parts.parts_merge()
    product_delete(product=loaded[0])
    more = load(make_egms, range(5, 9))
    before, there = read(), [*loaded[1:], *more]
    assert parts.parts_merge() == (5, 8 * N_POINTS)
    ((number, ids),) = layout().items()
    assert ids == [product.pk for product in there]
    assert read() == before
    for left, product in zip(reversed(range(8)), there, strict=True):
        assert MeasurementPoint.objects.filter(product=product).count() == N_POINTS
        product_delete(product=product)
        for model in (MeasurementPoint, DisplacementSeries):
            assert model.objects.count() == N_POINTS * left
        assert (number in layout()) == (left > 0)
    assert tables() == {POINTS, SERIES}


def test_readers_see_every_point_and_a_file_that_is_being_loaded_neither_waits_nor_holds_up_merging(loaded, make_egms):
    ends, counts = threading.Event(), set()
    began, goes_on = threading.Event(), threading.Event()

    def reading() -> None:
        while not ends.is_set():
            counts.add((MeasurementPoint.objects.count(), DisplacementSeries.objects.count()))
            counts.add((sum(1 for _ in MeasurementPoint.objects.values_list("pid").iterator()),) * 2)

    def loading() -> Product:
        def progress(points: int) -> None:
            began.set()
            goes_on.wait()

        return load(make_egms, [7], progress=progress)[0]

    reader, loader = Elsewhere(reading), Elsewhere(loading)
    wait_until(lambda: counts and began.is_set())
    assert parts.parts_merge() == (5, 5 * N_POINTS)
    ends.set()
    reader.returned()
    assert counts == {(5 * N_POINTS, 5 * N_POINTS)}
    goes_on.set()
    product = loader.returned()
    assert MeasurementPoint.objects.filter(product=product).count() == N_POINTS
    assert len(layout()) == 2
    product_delete(product=product)


def test_a_reader_is_not_disturbed_and_what_was_built_for_it_or_by_a_process_that_died_goes(loaded, monkeypatch):
    before, shown = tables(), read()
    with transaction.atomic():
        MeasurementPoint.objects.count()  # holds its lock until the end of the transaction
        assert Elsewhere(parts.parts_merge).returned() is None
        assert MeasurementPoint.objects.count() == 5 * N_POINTS
    assert tables() == before

    def killed(*args: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(functions, "parts_swap", killed)
        with pytest.raises(SystemExit):
            parts.parts_merge()
    assert len(tables() - before) == 2
    assert read() == shown
    assert parts.parts_merge() == (5, 5 * N_POINTS)
    assert len(tables()) == 4
    assert read() == shown


@pytest.mark.parametrize(("step", "n_left"), [(product_delete, 4), (datum_settle, 5)])
def test_what_changes_a_products_points_waits_for_merging_before_it_locks_a_table(loaded, step, n_left):
    Product.objects.update(datum_mm_yr=1.0)  # Its datum is 0, as that of every calibrated file, and so moves.
    with try_lock(Lock.PARTS) as alone:
        assert alone
        changer = Elsewhere(lambda: step(product=loaded[2]))
        waiting = f"SELECT pid FROM {OWN_LOCKS} AS lock WHERE locktype = 'advisory' AND objid = %s AND NOT granted"
        with connection.cursor() as cursor:

            def waits() -> list[tuple[int]]:
                cursor.execute(waiting, [Lock.PARTS])
                return cursor.fetchall()

            wait_until(waits)
            cursor.execute(
                f"SELECT count(*) FROM {OWN_LOCKS} AS lock"
                " WHERE pid = %s AND relation::regclass::text LIKE %s AND mode <> %s",
                [waits()[0][0], f"{POINTS}%", "AccessShareLock"],
            )
            assert cursor.fetchone() == (0,)
    changer.returned()
    assert MeasurementPoint.objects.count() == n_left * N_POINTS


def test_nothing_is_merged_while_somebody_else_does_or_a_backup_is_made_or_without_room(loaded, settings):
    for held in (Lock.PARTS, Lock.RETENTION):
        with try_lock(held) as alone:
            assert alone
            assert parts.parts_merge() is None
    settings.DATABASE_MOST_BYTES = 1
    assert parts.parts_merge() is None
    assert (len(layout()), len(tables())) == (5, 12)


def test_a_part_that_does_not_hold_the_same_products_takes_nobodys_place_and_none_is_vacuumed_meanwhile(loaded):
    numbers = [product.pk for product in loaded]
    merged = functions.parts_build(numbers[:3])
    for wrong in (numbers, numbers[:2], [*numbers[:3], merged]):
        with pytest.raises(OperationalError, match="does not hold"):
            functions.parts_swap(merged, wrong)
    with pytest.raises(OperationalError, match="does not hold"):
        functions.parts_swap(numbers[0], numbers[:1])
    assert functions.parts_sweep() == 2
    assert MeasurementPoint.objects.count() == 5 * N_POINTS

    def without_autovacuum() -> set[str]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT relname FROM pg_class WHERE reloptions @> '{autovacuum_enabled=off}'")
            return {name for (name,) in cursor.fetchall()}

    merged = functions.parts_build(numbers)
    assert without_autovacuum() == {f"{table}_p{part}" for table in (POINTS, SERIES) for part in (*numbers, merged)}
    functions.parts_swap(merged, numbers)
    assert list(layout()) == [str(merged)]
    assert not without_autovacuum()


def test_attaching_a_merged_part_scans_nothing_however_many_products_it_holds(loaded):
    numbers = [product.pk for product in loaded]
    many = ", ".join(map(str, [*numbers, *range(10**6, 10**6 + 300)]))
    with transaction.atomic(), connection.cursor() as cursor:
        notices: list[str] = []
        cursor.connection.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        cursor.execute("SET LOCAL client_min_messages = debug1")
        cursor.execute(partitions.create_merged("999999999", many))
        cursor.execute(partitions.index("999999999"))
        cursor.execute(partitions.drop(numbers[0]) + "".join(partitions.drop(number) for number in numbers[1:]))
        cursor.execute(partitions.attach_merged("999999999", many))
        transaction.set_rollback(True)
    implied = [text for text in notices if "implied by existing constraints" in text]
    assert len(implied) == 2
    assert not [text for text in notices if "verifying" in text and "999999999" in text]


def test_the_size_of_a_product_is_its_share_and_a_sample_of_it_reads_no_more_than_it(loaded, monkeypatch):
    monkeypatch.setattr(selectors, "STD_SAMPLED", 20)
    before = parts.product_bytes(product=loaded[0])
    alone = selectors.rows_sampled(product=loaded[0], n_points=N_POINTS, most=20)
    assert "TABLESAMPLE" in alone[0]
    parts.parts_merge()
    beside = selectors.rows_sampled(product=loaded[0], n_points=N_POINTS, most=20)
    assert beside[0] == POINTS
    assert beside[1] != "true"
    assert selectors.usual_velocity_std(product=loaded[0]) == pytest.approx(0.1)
    assert 0 < parts.product_bytes(product=loaded[0]) <= before
    product_delete(product=loaded[0])
    assert parts.product_bytes(product=loaded[0]) == 0
