"""HDF5 files that want something else than to be read: refused before a value of theirs is fetched."""

from datetime import date

import h5py
import numpy as np
import pytest

from ground_motion.core.errors import InputError
from ground_motion.readers import hdf5


@pytest.mark.parametrize(
    ("name", "declared", "message"),
    [
        ("a", {"shape": (40_000,) * 2, "chunks": (20_000,) * 2, "compression": "gzip"}, "declares chunks of"),
        ("deep/a", {"shape": (10**6,) * 2, "chunks": (100, 100)}, "'deep/a' declares"),
        ("a", {"shape": (10**6,), "dtype": "S1000000", "chunks": (1,)}, "declares"),
    ],
)
def test_what_declares_too_much_is_refused_before_a_value_is_fetched(tmp_path, name, declared, message):
    path = tmp_path / "a.h5"  # links to elsewhere: hostile.py
    with h5py.File(path, "w") as file:
        file.create_dataset(name, **({"dtype": "f4"} | declared))
    with pytest.raises(InputError, match=message), hdf5.open_file(path):
        pass


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.array([b"one", b"two"]), "not numbers"),
        (np.zeros(3, dtype=[("a", "f4"), ("b", "i4")]), "not numbers"),
        (np.zeros((2, 2)), "where one number"),
        (np.nan, "is nan"),
    ],
)
def test_what_is_no_number_is_not_taken_for_one(tmp_path, value, message):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["a"] = value
    with hdf5.open_file(path) as file, pytest.raises(InputError, match=message):
        hdf5.numbers(path, file, "a") if "not" in message else hdf5.scalar(path, file, "a")


def test_what_no_float32_holds_is_unknown(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["a"] = np.array([1.5, 1e300, -np.inf, np.nan])
    with hdf5.open_file(path) as file:
        assert np.isnan(hdf5.numbers(path, file, "a")).tolist() == [False, True, True, True]


@pytest.mark.parametrize("stamp", [20190104, b"20190104", "20190104T0511", b"20190104T051123"])
def test_a_date_is_read_with_or_without_its_time(stamp):
    assert hdf5.day_of(stamp) == date(2019, 1, 4)


def test_blocks_of_rows_hold_no_more_values_however_many_dates_there_are():
    assert [block.stop - block.start for block in hdf5.row_blocks(130, 100, 10)] == [64, 64, 2]
    for block in hdf5.row_blocks(1000, 4000, 600):
        assert (block.stop - block.start) * 4000 * 600 <= hdf5.MAX_BLOCK_VALUES


def texts(path) -> None:
    """A file with a few heaps of texts, some of which were taken out again and written anew."""
    with h5py.File(path, "w") as file:
        for index in range(400):
            file.attrs[f"a{index}"] = f"text {index} " * (index % 60)
        for index in range(0, 400, 3):
            del file.attrs[f"a{index}"]
        for index in range(0, 400, 6):
            file.attrs[f"a{index}"] = "another text"
        file["lists"] = np.array([b"one", b"two" * 5000], dtype=h5py.string_dtype())


def test_lists_of_texts_as_the_library_writes_them_are_sound(tmp_path):
    path = tmp_path / "a.h5"
    texts(path)
    assert path.read_bytes().count(hdf5.SIGNATURE) > 3
    assert hdf5.fault_of(path) == ""
    with hdf5.open_file(path) as file:
        assert hdf5.attributes(path, file)["a1"] == "text 1 "


def test_a_list_of_texts_that_would_keep_the_library_busy_for_ever_is_refused(tmp_path):
    path = tmp_path / "a.h5"
    texts(path)
    content = bytearray(path.read_bytes())
    free = content.find(hdf5.SIGNATURE) + 16
    content[free : free + 16] = bytes(16)  # index 0 and no size: its successor is itself
    path.write_bytes(content)
    with pytest.raises(InputError, match="does not end"), hdf5.open_file(path):
        pass
    assert hdf5.names(path) == frozenset()


def test_five_bytes_of_a_measurement_that_look_like_a_list_of_texts_do_no_harm(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["a"] = np.frombuffer(hdf5.SIGNATURE * 16, dtype=np.float32)
    assert hdf5.fault_of(path) == ""


def test_a_signature_across_two_blocks_is_found(tmp_path, monkeypatch):
    path = tmp_path / "a.h5"
    texts(path)
    whole = path.read_bytes()
    places = [at for at in range(len(whole)) if whole.startswith(hdf5.SIGNATURE, at)]
    for size in (7, 4096, 5000):
        monkeypatch.setattr(hdf5, "READ_BYTES", size)
        with path.open("rb") as stream:
            assert list(hdf5._signatures(stream)) == places


def test_looking_at_what_is_no_hdf5_finds_nothing_and_does_not_raise(tmp_path):
    path = tmp_path / "a.h5"
    path.write_bytes(hdf5.MAGIC + b"nonsense" * 100)
    assert hdf5.names(path) == frozenset()
    assert not hdf5.holds(path, "a")
    assert hdf5.look(tmp_path / "nowhere.nc") == (frozenset(), {})
