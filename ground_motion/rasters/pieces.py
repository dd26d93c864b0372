"""Work in pieces: each is computed once and stored whole, so that a killed computation resumes with the missing ones.

A computation is a sequence of stages. A piece is named by its stage and its place; its content must depend only on the
inputs, so that it does not matter who computed it, when, or in which order.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ground_motion.rasters.windows import Window, inner
from ground_motion.runtime.ahead import AT_ONCE, Feed, read_ahead
from ground_motion.runtime.progress import report_progress
from ground_motion.statistics import quantiles

Float32 = NDArray[np.float32]
Arrays = Mapping[str, NDArray[Any]]
Item = TypeVar("Item")

DIGEST_BYTES = hashlib.sha256().digest_size


class Store(Protocol):
    """Store of finished pieces. A piece exists completely or not at all."""

    def names(self, stage: str = "") -> set[str]:
        """Return the names of the pieces of a stage, or of all."""

    def put(self, name: str, arrays: Arrays) -> None:
        """Store a piece, completely or not at all."""

    def get(self, name: str) -> Arrays:
        """Return a piece. KeyError if it is missing or damaged; a damaged piece is deleted."""

    def drop(self, names: Iterable[str]) -> None:
        """Delete these pieces."""


class Memory:
    """Store in memory, for computations that are small or will not be resumed. Threads may share it."""

    def __init__(self) -> None:
        self._pieces: dict[str, Arrays] = {}

    def names(self, stage: str = "") -> set[str]:
        """Return the names of the pieces of a stage, or of all."""
        pieces = list(self._pieces)  # Copy in one step, because other threads store pieces meanwhile.
        return {name for name in pieces if _is_of(name, stage)}

    def put(self, name: str, arrays: Arrays) -> None:
        """Keep a piece in memory."""
        self._pieces[name] = arrays

    def get(self, name: str) -> Arrays:
        """Return a piece. KeyError where it is not there."""
        return self._pieces[name]

    def drop(self, names: Iterable[str]) -> None:
        """Delete these pieces."""
        for name in names:
            self._pieces.pop(name, None)


class Checked:
    """Store whose pieces have a checksum. Subclasses define how a piece is read and deleted."""

    def get(self, name: str) -> Arrays:
        """Return a piece. KeyError where it is not there or damaged; a damaged one is deleted."""
        try:
            return unpack(name, *self._read(name))
        except FileNotFoundError as fault:
            raise KeyError(name) from fault
        except KeyError:
            self.drop([name])
            raise

    def drop(self, names: Iterable[str]) -> None:
        """Delete these pieces."""
        raise NotImplementedError

    def _read(self, name: str) -> tuple[bytes, bytes]:
        """Read the checksum of a piece and its content. Raises FileNotFoundError."""
        raise NotImplementedError


class Folder(Checked):
    """Pieces stored as files in a folder named by a key, a hash of all that determines them; other keys are deleted."""

    def __init__(self, path: Path, key: str) -> None:
        self.path = path / key
        self.path.mkdir(parents=True, exist_ok=True)
        for other in path.iterdir():
            if other.name != key:
                shutil.rmtree(other, ignore_errors=True)

    def names(self, stage: str = "") -> set[str]:
        """Return the names of the pieces of a stage, or of all."""
        return {name for name in os.listdir(self.path) if _is_of(name, stage) and not name.endswith(".partial")}

    def put(self, name: str, arrays: Arrays) -> None:
        """Write a piece to a temporary file and rename it."""
        partial = self.path / f"{name}.{secrets.token_hex(4)}.partial"
        try:
            with partial.open("wb") as file:
                file.writelines(pack(arrays))
            partial.replace(self.path / name)
        finally:  # Remove the part of a piece that a full disk cut off.
            partial.unlink(missing_ok=True)

    def drop(self, names: Iterable[str]) -> None:
        """Delete these pieces."""
        for name in names:
            (self.path / name).unlink(missing_ok=True)

    def _read(self, name: str) -> tuple[bytes, bytes]:
        with (self.path / name).open("rb") as file:
            return file.read(DIGEST_BYTES), file.read()

    def close(self) -> None:
        """Delete all pieces, once the result is safe."""
        shutil.rmtree(self.path, ignore_errors=True)
        with suppress(OSError):  # Pieces may have another key, or belong to another account.
            self.path.parent.rmdir()


def pack(arrays: Arrays) -> tuple[bytes, bytes]:
    """Return a checksum and the packed content of a piece."""
    ordered = {f"{number:03d} {key}": values for number, (key, values) in enumerate(arrays.items())}
    content = save({key: np.ascontiguousarray(values) for key, values in ordered.items()})
    return hashlib.sha256(content).digest(), content


def unpack(name: str, digest: bytes, content: bytes) -> Arrays:
    """Decode the arrays of a piece. KeyError where it is damaged."""
    if hashlib.sha256(content).digest() == digest:
        with suppress(SafetensorError):
            return {key.partition(" ")[2]: values for key, values in sorted(load(content).items())}
    raise KeyError(name)


def _is_of(name: str, stage: str) -> bool:
    return not stage or name.partition("@")[0] == stage


class Pieces:
    """The pieces of one computation: computed if missing, and kept in a store.

    between: called before each piece; it may raise an exception to stop the work.
    """

    def __init__(self, store: Store | None = None, between: Callable[[], None] = lambda: None) -> None:
        self.store: Store = Memory() if store is None else store
        self._between, self._part = between, ""

    def pieces_of_part(self, number: int) -> Pieces:
        """Return the pieces of one part of the computation; their stages have names of their own, but for part 0."""
        pieces = Pieces(self.store, self._between)
        pieces._part = f"{number}-" if number else ""
        return pieces

    def each(
        self,
        stage: str,
        items: Mapping[str, Item],
        work: Callable[[Any], Arrays],
        read: Callable[[Item], Any] | None = None,
        feed: Feed = AT_ONCE,
    ) -> None:
        """Compute the missing pieces of a stage. items: place -> input of `work`; with `read`: input of `read`.

        feed: how inputs are read ahead.
        """
        stage = f"{self._part}{stage}"
        names = {f"{stage}@{place}": place for place in items}
        there = {name for name in self.store.names(stage) & set(names) if self._whole(name)}
        missing = [name for name in names if name not in there]

        def take_missing() -> Iterator[str]:
            for number, name in enumerate(missing, start=len(there)):
                report_progress(number / len(names))
                self._between()
                yield name

        def begin(name: str) -> Any:
            item = items[names[name]]
            held = item if read is None else read(item)
            return work(held) if feed.computes else held

        with closing(read_ahead(take_missing(), begin, feed)) as begun:
            for name, held in begun:
                arrays = held if feed.computes else work(held)
                del held  # This frees the memory before the next piece is read.
                self.store.put(name, arrays)

    def _whole(self, name: str) -> bool:
        try:
            self.store.get(name)
        except KeyError:
            return False
        return True

    def get(self, stage: str, place: str) -> Arrays:
        """Return a finished piece."""
        return self.store.get(f"{self._part}{stage}@{place}")

    def once(self, stage: str, make: Callable[[], Any]) -> Any:
        """Compute a result for the whole image once, and store it as JSON: numbers, lists, dicts."""

        def make_json() -> Arrays:
            return {"json": np.frombuffer(json.dumps(make()).encode(), dtype=np.uint8)}

        self.each(stage, {"all": make_json}, lambda work: work())
        return json.loads(self.get(stage, "all")["json"].tobytes())

    def complete(self, stage: str, places: Iterable[str] = ("all",)) -> bool:
        """Return whether all these pieces are stored undamaged, so that their input pieces may be deleted."""
        return all(self._whole(f"{self._part}{stage}@{place}") for place in places)

    def drop(self, *stages: str) -> None:
        """Delete pieces that are no longer needed."""
        for stage in stages:
            self.store.drop(self.store.names(f"{self._part}{stage}"))

    def quantiles(
        self, stage: str, items: Mapping[str, Item], values: Callable[[Item], Sequence[Float32]], share: float
    ) -> list[float | None]:
        """Return an exact quantile of each array from `values`: finite values of all items; None if there are none."""
        upper, lower = f"{stage}-upper", f"{stage}-lower"
        if not self.complete(stage):
            self.each(upper, items, lambda item: _sparse([quantiles.upper_counts(array) for array in values(item)]))
            buckets = self.once(f"{stage}-buckets", lambda: _buckets(self._sum(upper, items), share))
            self.each(lower, items, lambda item: _sparse(_count_within(values(item), buckets)))

        def compute_quantiles() -> list[float | None]:
            parts = zip(self._sum(upper, items), self._sum(lower, items).reshape(-1, 2, quantiles.BUCKETS), strict=True)
            return [quantiles.exact_quantile(*part, share) if part[0].any() else None for part in parts]

        result: list[float | None] = self.once(stage, compute_quantiles)
        self.drop(upper, lower)
        return result

    def _sum(self, stage: str, places: Iterable[str]) -> NDArray[np.int64]:
        total = np.zeros((0, quantiles.BUCKETS), dtype=np.int64)
        for place in places:
            piece = self.get(stage, place)
            if not len(total):
                total = np.zeros((int(piece["rows"][0]), quantiles.BUCKETS), dtype=np.int64)
            total.reshape(-1)[piece["at"]] += piece["n"]
        return total


def _buckets(counts: NDArray[np.int64], share: float) -> list[tuple[int, int]]:
    return [quantiles.buckets_of(row, share) if row.any() else (0, 0) for row in counts]


def _count_within(arrays: Sequence[Float32], buckets: Sequence[Sequence[int]]) -> list[NDArray[np.int64]]:
    rows = (quantiles.lower_counts(array, both) for array, both in zip(arrays, buckets, strict=True))
    return [row for both in rows for row in both]


def _sparse(rows: Sequence[NDArray[np.int64]]) -> Arrays:
    counts = np.concatenate(rows)
    flat = np.flatnonzero(counts)
    return {"at": flat.astype(np.uint32), "n": counts[flat], "rows": np.array([len(rows)])}


class PieceBands(Mapping[str, Float32]):
    """Bands (rows, cols) of a whole image that is stored in pieces. A band is assembled when requested; NaN unknown.

    at: place -> window of the whole image that the stage's piece contains. A piece may lack bands that have no values.
    """

    def __init__(
        self, pieces: Pieces, stage: str, shape: tuple[int, int], names: Sequence[str], at: Mapping[str, Window]
    ) -> None:
        self._pieces, self._stage, self.shape, self._names, self._at = pieces, stage, shape, tuple(names), at

    def __getitem__(self, name: str) -> Float32:
        if name not in self._names:
            raise KeyError(name)
        whole = np.full(self.shape, np.nan, dtype=np.float32)
        for at, bands in self.blocks():
            if name in bands:
                whole[inner(at, Window(0, 0, *self.shape))] = bands[name]
        return whole

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def blocks(self) -> Iterator[tuple[Window, Mapping[str, Float32]]]:
        """Yield the window and the bands of each piece."""
        for place, at in self._at.items():
            yield at, self._pieces.get(self._stage, place)


def blocks_of(bands: Mapping[str, Float32]) -> Iterator[tuple[Window, Mapping[str, Float32]]]:
    """Yield (window, bands in it) for each part: for each piece if stored in pieces, else once for the whole."""
    if isinstance(bands, PieceBands):
        yield from bands.blocks()
    else:
        yield Window(0, 0, *next(iter(bands.values())).shape), bands


def piece_by_piece(
    pieces: Pieces | None,
    stage: str,
    items: Mapping[str, Item],
    work: Callable[[Any], Arrays],
    read: Callable[[Item], Any] | None = None,
    feed: Feed = AT_ONCE,
) -> Iterator[tuple[str, Arrays]]:
    """Yield each place with its piece, as `Pieces.each` computes it; without `pieces`, one at a time and unstored."""
    if pieces is not None:
        pieces.each(stage, items, work, read, feed)
        for place in items:
            yield place, pieces.get(stage, place)
        return
    with closing(read_ahead(items, lambda place: items[place] if read is None else read(items[place]), feed)) as begun:
        for number, (place, held) in enumerate(begun, start=1):
            yield place, work(held)
            report_progress(number / len(items))
