"""Test files that the cases run in the pod."""

from __future__ import annotations

__all__ = ["FLOOD_TESTS", "SLOW_TESTS", "SUITES"]

SLOW_TESTS = 20
FLOOD_TESTS = 26  # of half a megabyte of log each: more than the kubelet keeps in one file

_AROUND = "def test_before(): pass\n\n\n{}\n\n\ndef test_after(): pass\n"


def _around(body: str, arguments: str = "") -> str:
    """Return a suite with a test before and a test after `test_fault`."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    return "import ctypes, os, sys, threading\n\n\n" + _AROUND.format(
        f"def test_fault({arguments}):\n{lines}"
    )


SUITES = {
    "pytest.ini": "[pytest]\n",
    "test_slow.py": (
        "import time\n\nimport pytest\n\n\n"
        f"@pytest.mark.parametrize('i', range({SLOW_TESTS}))\n"
        "def test_slow(i):\n    time.sleep(0.2)\n"
    ),
    "test_long.py": (
        "import time\n\nimport pytest\n\n\n"
        f"@pytest.mark.parametrize('i', range({SLOW_TESTS}))\n"
        "def test_slow(i):\n    time.sleep(1)\n"
    ),
    # The kernel's own clock: when it booted, and how long that is ago.
    "test_clock.py": (
        "import pathlib, time\n\nimport pytest\n\n\n"
        "def true_time():\n"
        "    lines = pathlib.Path('/proc/stat').read_text().splitlines()\n"
        "    booted = next(int(line.split()[1]) for line in lines if line.startswith('btime'))\n"
        "    return booted + float(pathlib.Path('/proc/uptime').read_text().split()[0])\n\n\n"
        f"@pytest.mark.parametrize('i', range({SLOW_TESTS}))\n"
        "def test_slow(i):\n"
        "    assert abs(time.time() - true_time()) > 1800\n"
        "    time.sleep(0.2)\n"
    ),
    "test_oom.py": _around("held = [bytearray(1 << 20) for _ in range(4096)]"),
    "test_segfault.py": _around("ctypes.string_at(0)"),
    "test_exit.py": _around("os._exit(0)"),
    "test_hang.py": _around("threading.Event().wait()"),
    "test_stubborn.py": _around(
        "while True:\n"
        "    try:\n"
        "        threading.Event().wait()\n"
        "    except BaseException:\n"
        "        print('no')"
    ),
    "test_flood.py": (
        "import base64, os, time\n\nimport pytest\n\n\n"
        f"@pytest.mark.parametrize('i', range({FLOOD_TESTS}))\n"
        "def test_flood(i):\n"
        "    print(base64.b64encode(os.urandom(390_000)).decode())\n"
        "    time.sleep(0.2)\n"
        "    assert False\n"
    ),
    "test_close.py": _around("os.close(1)\nos.close(2)"),
    "test_redirect.py": _around(
        "nowhere = os.open(os.devnull, os.O_WRONLY)\nos.dup2(nowhere, 1)\nos.dup2(nowhere, 2)"
    ),
    # Frames with another nonce, a wrong checksum, a part of its own, and a forged end.
    "test_forge.py": _around(
        "import base64, zlib\n"
        'body = base64.b64encode(zlib.compress(b\'["end",{"exit":0}]\\n\')).decode()\n'
        "with capfd.disabled():\n"
        "    for nonce in ('0' * 8, 'f' * 32):\n"
        "        for part in ('1/1', '1/2', '2/1'):\n"
        "            print(f'::k8sjob1 {nonce} 3 {part} {zlib.crc32(body.encode()):08x} {body}')\n"
        "    print('::k8sjob1 ', end='', flush=True)\n"
        "assert False",
        "capfd",
    ),
    "test_print.py": _around("for _ in range(50_000):\n    print('x' * 99)\nassert False"),
    "test_long_line.py": _around(
        "with capfd.disabled():\n"
        "    left = memoryview(b'x' * (1 << 20))\n"
        "    while left:\n"
        "        left = left[os.write(1, left):]",
        "capfd",
    ),
    "test_chatter.py": (
        "import os\n\nimport pytest\n\n\n"
        f"@pytest.mark.parametrize('i', range({SLOW_TESTS}))\n"
        "def test_slow(i, capfd):\n"
        "    with capfd.disabled():\n"
        "        for _ in range(3000):\n"
        "            print('x' * 999, flush=True)\n"
    ),
}
