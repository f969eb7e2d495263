import ctypes
import subprocess
import sys

import pytest

MEGABYTE = 2**20


def large_blocks_after(*statements):
    """Return how many large blocks malloc took from the system for 5 MB, after it had learnt of larger ones."""
    program = f"""
import ctypes
libc = ctypes.CDLL(None)
class Info(ctypes.Structure):
    _fields_ = [(n, ctypes.c_size_t) for n in "arena ordblks smblks hblks hblkhd a b c d e".split()]
libc.mallinfo2.restype, libc.malloc.restype = Info, ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
{"; ".join(statements)}
libc.free(libc.malloc({20 * MEGABYTE}))
before = libc.mallinfo2().hblks
libc.malloc({5 * MEGABYTE})
print(libc.mallinfo2().hblks - before)
"""
    return int(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc 2.33 or newer"
)
def test_large_blocks_go_back_to_the_system_whatever_was_freed_before():
    assert large_blocks_after() == 0
    assert large_blocks_after("from nlpkit.heap import keep_flat", "keep_flat()") == 1
