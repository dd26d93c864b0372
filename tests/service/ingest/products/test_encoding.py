"""Packed series lose at most 0.05 mm, and never clip."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ingest.products import encoding

SERIES = arrays(
    np.float32,
    st.tuples(st.integers(1, 5), st.integers(2, 9)),
    elements=st.floats(-3276, 3276, width=32) | st.just(np.nan),
)


@given(SERIES)
def test_a_series_comes_back_within_half_a_step(series):
    packed = [row.tobytes() for row in encoding.pack_int16(series)]
    back = encoding.unpack_series(packed, series.shape[1])
    np.testing.assert_allclose(back, series, atol=0.0502)  # half a step, and float32's own rounding at 3 m
    assert (np.isnan(back) == np.isnan(series)).all()


def test_what_does_not_fit_is_refused_not_clipped_and_leaves_the_other_rows_their_16_bits():
    with pytest.raises(ValueError, match="does not fit"):
        encoding.pack_int16(np.array([[0, 4000.0]], dtype=np.float32))
    assert len(encoding.pack_int16(np.zeros((1, 300), dtype=np.float32))[0].tobytes()) == 600
    with pytest.raises(ValueError, match="does not hold 3 dates"):
        encoding.unpack_series([bytes(5)], 3)
    series = np.array([[3276.7, np.nan], [-3276.8, 0], [np.nan, np.nan]], dtype=np.float32)
    assert encoding.fits_int16(series).tolist() == [True, False, True]


@pytest.mark.django_db
def test_binary_copy_arrives_in_postgresql_as_it_was():
    from django.db import connection

    columns = [
        np.array([b"a", b"longer", b"b"], dtype=np.bytes_),
        np.array([1.5, np.nan, -3.25], dtype=np.float32),
        np.array([np.nan, 2.0, 1e300]),
        encoding.point_ewkb(np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0]), 4326),
        np.array([[1, 2], [3, 4], [5, 6]], dtype="<i2"),
    ]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE t (name text, a real, b float8, place geometry(Point, 4326), packed bytea)")
        with cursor.copy("COPY t FROM STDIN (FORMAT binary)") as copy:
            copy.write(encoding.COPY_HEADER + b"".join(encoding.copy_rows(columns)) + encoding.COPY_TRAILER)
        cursor.execute(
            "SELECT name, a, b, ST_X(place), ST_Y(place), ST_SRID(place), encode(packed, 'hex') FROM t ORDER BY 4"
        )
        assert cursor.fetchall() == [
            ("a", 1.5, None, 1.0, 4.0, 4326, "01000200"),
            ("longer", None, 2.0, 2.0, 5.0, 4326, "03000400"),
            ("b", -3.25, 1e300, 3.0, 6.0, 4326, "05000600"),
        ]
