"""Flat memory over a long run."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
_BYTES = 4 * 2**20


def keep_flat() -> None:
    """Have the allocator give large blocks back to the system as soon as they are free, where it can be told so.

    glibc raises its threshold with every large block that is freed; batches of changing sizes then leave holes in
    the heap that never fit again, and memory grows with the number of batches. A fixed threshold ends that, for the
    whole process, at some speed (fresh pages cost a fault each). Elsewhere than on glibc nothing happens.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # musl has none
        mallopt(_MMAP_THRESHOLD, _BYTES)
        mallopt(_TRIM_THRESHOLD, _BYTES)
