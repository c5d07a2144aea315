"""Gzip with output that depends only on the content, and not on the Python build or the system.

Python's own gzip is not reproducible: the header differs between releases, and the data between zlib and zlib-ng, which
many Python builds use. User data, and with it every launch template, would then differ between machines that deploy.

The output is one DEFLATE block (https://www.rfc-editor.org/rfc/rfc1951) in a gzip file
(https://www.rfc-editor.org/rfc/rfc1952).
"""

from __future__ import annotations

import heapq
import zlib
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_HEADER = b"\x1f\x8b\x08" + bytes(5) + b"\x02\xff"
"""Header of a gzip file without name and time, from an unknown system."""

_SHORTEST_MATCH, _LONGEST_MATCH, _FARTHEST_MATCH = 3, 258, 32 * 1024
_CANDIDATES = 16
"""Number of earlier occurrences to try for a match. Twice as many would make nodes' user data 1 % smaller."""

_END_OF_BLOCK = 256
_LITERAL_CODES, _DISTANCE_CODES = 286, 30
_LONGEST_CODE, _LONGEST_LENGTH_CODE = 15, 7
_LENGTH_CODE_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)


class _Token(NamedTuple):
    """A literal byte, or a match: a repetition of earlier data.

    Attributes:
        symbol: The byte, or the symbol of the match's length.
        length_bits: Extra bits of the length, in their order in the file.
        distance: Symbol of the match's distance; None for a literal.
        distance_bits: Extra bits of the distance.
    """

    symbol: int
    length_bits: str = ""
    distance: int | None = None
    distance_bits: str = ""


def compress_reproducibly(data: bytes) -> bytes:
    """Return the data as a gzip file."""
    tokens = [*map(_as_token, _find_matches(data)), _Token(_END_OF_BLOCK)]
    trailer = zlib.crc32(data).to_bytes(4, "little") + (len(data) % 2**32).to_bytes(4, "little")
    return _HEADER + _pack_bits(_block_bits(tokens)) + trailer


def _find_matches(data: bytes) -> Iterator[tuple[int, int]]:
    """Split data into matches, as (length, distance), and literals, as (byte, 0)."""
    beginnings = [data[place : place + _SHORTEST_MATCH] for place in range(len(data))]
    places: defaultdict[bytes, list[int]] = defaultdict(list)
    place = 0
    while place < len(data):
        length, distance = _longest_match(data, place, places[beginnings[place]])
        yield (length, distance) if distance else (data[place], 0)
        for _ in range(length):
            places[beginnings[place]].append(place)
            place += 1


def _longest_match(data: bytes, place: int, candidates: Sequence[int]) -> tuple[int, int]:
    """Return length and distance of the longest match among the last candidates, or (1, 0) if there is none."""
    length, distance = _SHORTEST_MATCH - 1, 0
    room = min(_LONGEST_MATCH, len(data) - place)
    for candidate in reversed(candidates[-_CANDIDATES:]):
        if length >= room or place - candidate > _FARTHEST_MATCH:
            break
        # Comparing only the next byte is faster and rules out most candidates.
        if data[candidate + length] != data[place + length]:
            continue
        if data.startswith(data[place : place + length], candidate):
            length += 1
            while length < room and data[candidate + length] == data[place + length]:
                length += 1
            distance = place - candidate
    return (length, distance) if distance else (1, 0)


def _as_token(part: tuple[int, int]) -> _Token:
    number, distance = part
    if distance == 0:
        return _Token(number)
    if number == _LONGEST_MATCH:
        symbol, length_bits = 285, ""
    else:
        group, length_bits = _value_group(number - _SHORTEST_MATCH, groups_per_bit=4)
        symbol = 257 + group
    group, distance_bits = _value_group(distance - 1, groups_per_bit=2)
    return _Token(symbol, length_bits, group, distance_bits)


def _value_group(value: int, *, groups_per_bit: int) -> tuple[int, str]:
    """Return the index of a value's group, which has one symbol, and the extra bits for the value in the group.

    Groups double in size after every four groups of lengths, or every two groups of distances.
    """
    bits = max(0, value.bit_length() - groups_per_bit.bit_length())
    return groups_per_bit * bits + (value >> bits), _number_bits(value % (1 << bits), bits)


def _block_bits(tokens: Sequence[_Token]) -> Iterator[str]:
    """Return the bits of a final block with dynamic Huffman codes."""
    literals = _code_lengths(Counter(token.symbol for token in tokens), longest=_LONGEST_CODE)
    distances = _code_lengths(
        Counter(token.distance for token in tokens if token.distance is not None), longest=_LONGEST_CODE
    )
    yield "1" + _number_bits(2, 2)
    yield from _code_length_bits(
        [
            *(literals.get(symbol, 0) for symbol in range(_LITERAL_CODES)),
            *(distances.get(symbol, 0) for symbol in range(_DISTANCE_CODES)),
        ]
    )
    literal_codes, distance_codes = _huffman_codes(literals), _huffman_codes(distances)
    for token in tokens:
        yield literal_codes[token.symbol] + token.length_bits
        if token.distance is not None:
            yield distance_codes[token.distance] + token.distance_bits


def _code_length_bits(lengths: Sequence[int]) -> Iterator[str]:
    """Return the bits of the Huffman-coded code lengths; the codes for repeated lengths are not used."""
    codes = _code_lengths(Counter(lengths), longest=_LONGEST_LENGTH_CODE)
    yield _number_bits(_LITERAL_CODES - 257, 5)
    yield _number_bits(_DISTANCE_CODES - 1, 5)
    yield _number_bits(len(_LENGTH_CODE_ORDER) - 4, 4)
    yield from (_number_bits(codes.get(symbol, 0), 3) for symbol in _LENGTH_CODE_ORDER)
    bits = _huffman_codes(codes)
    yield from (bits[length] for length in lengths)


def _code_lengths(counts: Mapping[int, int], *, longest: int) -> dict[int, int]:
    """Return the length of each symbol's Huffman code; counts are halved until no code is too long."""
    lengths = dict.fromkeys(counts, 0)
    trees: list[tuple[int, list[int]]] = [(count, [symbol]) for symbol, count in counts.items()]
    heapq.heapify(trees)
    while len(trees) > 1:
        (count, symbols), (other_count, others) = heapq.heappop(trees), heapq.heappop(trees)
        for symbol in (*symbols, *others):
            lengths[symbol] += 1
        heapq.heappush(trees, (count + other_count, symbols + others))
    if max(lengths.values(), default=0) > longest:
        return _code_lengths({symbol: (count + 1) // 2 for symbol, count in counts.items()}, longest=longest)
    # A single symbol needs one bit too.
    return {symbol: max(1, length) for symbol, length in lengths.items()}


def _huffman_codes(lengths: Mapping[int, int]) -> dict[int, str]:
    """Return the canonical Huffman codes for the given lengths, as bits."""
    codes: dict[int, str] = {}
    code = 0
    previous = 0
    for symbol in sorted(lengths, key=lambda symbol: (lengths[symbol], symbol)):
        code <<= lengths[symbol] - previous
        previous = lengths[symbol]
        codes[symbol] = f"{code:0{previous}b}"
        code += 1
    return codes


def _number_bits(number: int, width: int) -> str:
    """Return a number's bits, lowest first: the order of all numbers except Huffman codes."""
    return f"{number:0{width}b}"[::-1] if width else ""


def _pack_bits(bits: Iterable[str]) -> bytes:
    """Return bits as bytes; the first bit becomes the lowest bit of a byte."""
    joined = "".join(bits)
    return int(joined[::-1], 2).to_bytes((len(joined) + 7) // 8, "little")
