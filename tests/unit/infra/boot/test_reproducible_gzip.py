"""Compressed user data is gzip that everybody reads, and the same bytes wherever it is made."""

from __future__ import annotations

import gzip
import hashlib
import random

from hypothesis import given
from hypothesis import strategies as st

from infra.boot.reproducible_gzip import compress_reproducibly

REPEATED = st.lists(st.tuples(st.binary(max_size=20), st.integers(1, 100)), max_size=5).map(
    lambda parts: b"".join(part * times for part, times in parts)
)
"""Data with matches of every length, also overlapping ones."""


@given(st.one_of(st.binary(max_size=500), REPEATED))
def test_what_is_compressed_is_read_back_as_it_was(data: bytes) -> None:
    assert gzip.decompress(compress_reproducibly(data)) == data


def test_data_longer_than_the_farthest_match_is_read_back_too() -> None:
    part, other = (hashlib.shake_128(name).digest(size) for name, size in ((b"part", 20_000), (b"other", 40_000)))
    data = part * 4 + other + part

    assert gzip.decompress(compress_reproducibly(data)) == data


def test_no_code_is_too_long_for_counts_that_grow_like_fibonacci_numbers() -> None:
    # These make the deepest Huffman tree for their sum: 22 levels, of which the format allows 15.
    counts = [1, 1]
    while len(counts) < 23:
        counts.append(counts[-1] + counts[-2])
    shuffled = [byte for byte, count in enumerate(counts) for _ in range(count)]
    random.Random(1).shuffle(shuffled)  # noqa: S311 — data without matches

    assert gzip.decompress(compress_reproducibly(bytes(shuffled))) == bytes(shuffled)


def test_the_bytes_are_pinned() -> None:
    # A change of this sum is a change of every node's launch template.
    text = "".join(f"{number} {number * number}\n" for number in range(2000))

    found = hashlib.sha256(compress_reproducibly(text.encode())).hexdigest()
    assert found == "da2a71b0d6f6bdc8c50783533dc69349158ad375f8f05f995d333abbc485a801"
