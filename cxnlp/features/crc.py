"""CRC-32 of joined strings from the CRC-32 of their parts, for whole arrays at once.

A CRC is linear over GF(2): that of ``a + b`` is that of ``a``, pushed on by as many zero bytes
as ``b`` is long, xor that of ``b`` (zlib's ``crc32_combine``). Pushing on is a look-up in four
tables, one for each byte of the CRC, so the hash of a word pair costs a few array operations.
"""

from __future__ import annotations

from functools import cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

LONGEST = 63
"""Bytes of the longest second part that `joined` takes."""


def joined(
    left: NDArray[np.int64], right: NDArray[np.int64], length: NDArray[np.int64]
) -> NDArray[np.uint32]:
    """CRC-32 of each left part with its right part behind it.

    ``left`` and ``right`` are the parts' own CRC-32, ``length`` the bytes of each right part,
    at most `LONGEST`; all of shape (n,).
    """
    tables = _tables()
    low = length * 1024  # a length has four tables of 256
    pushed: NDArray[np.uint32] = (
        tables.take(low + (left & 255))
        ^ tables.take(low + 256 + (left >> 8 & 255))
        ^ tables.take(low + 512 + (left >> 16 & 255))
        ^ tables.take(low + 768 + (left >> 24))
    )
    return pushed ^ right.astype(np.uint32)


def windows(data: NDArray[np.uint8], sizes: tuple[int, int], begun: int) -> NDArray[np.uint32]:
    """CRC-32 of the next few bytes from each byte on, for every number of them that is asked.

    Parameters
    ----------
    data
        Shape (n,).
    sizes
        The smallest and the largest number of bytes.
    begun
        CRC-32 of what is thought before each window.

    Returns
    -------
    array
        Shape (n, number of sizes). Zeros are read beyond the end.
    """
    step, register = _step(), np.full(len(data), begun ^ 0xFFFFFFFF, dtype=np.uint32)
    padded = np.concatenate([data, np.zeros(sizes[1], dtype=np.uint8)])
    found = []
    for size in range(1, sizes[1] + 1):
        byte = padded[size - 1 : size - 1 + len(data)]
        register = step.take((register ^ byte) & 255) ^ register >> 8
        if size >= sizes[0]:
            found.append(~register)
    return np.stack(found, axis=1)


@cache
def _step() -> NDArray[np.uint32]:
    """What a byte that leaves the register does to it; shape (256,)."""
    return np.array([crc32(bytes([b ^ 255])) ^ 0xFF000000 for b in range(256)], dtype=np.uint32)


@cache
def _tables() -> NDArray[np.uint32]:
    """Each byte of a CRC pushed on by 0 to `LONGEST` bytes; flat (LONGEST + 1, 4, 256)."""
    byte = np.arange(256, dtype=np.uint32)
    step = _step()
    tables = np.empty((LONGEST + 1, 4, 256), dtype=np.uint32)
    tables[0] = [byte, byte << 8, byte << 16, byte << 24]
    for length in range(LONGEST):
        tables[length + 1] = tables[length] >> 8 ^ step[tables[length] & 255]
    return tables.ravel()
