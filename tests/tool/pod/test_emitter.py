"""What a test does to its own process does not keep its report from travelling."""

from __future__ import annotations

from tests.tool.conftest import Side

REPLACED = {
    "os.write": "lambda descriptor, data: len(data)",
    "os.environ": "{}",
    "sys._getframe": "None",  # what libraries must do without is often taken away
    "sys.stdout": "None",
    "sys.__stdout__": "None",
    "time.monotonic": "lambda: 0.0",
    "time.time": "lambda: 0.0",
    "time.sleep": "None",
    "json.dumps": "None",
    "hashlib.sha256": "None",
    "fcntl.ioctl": "None",
}
TEST = """\
def test_{number}(monkeypatch):
    monkeypatch.setattr("{name}", {value})
    assert 0


"""


def test_replaced_functions_hide_no_failure(remote: Side) -> None:
    """A test that replaces what the emitter uses, until its teardown, is still reported."""
    tests = [
        TEST.format(number=number, name=name, value=value)
        for number, (name, value) in enumerate(REPLACED.items())
    ]
    (remote.suite / "test_it.py").write_text("".join(tests) + "def test_after():\n    pass\n")
    result = remote.run("test_it.py")
    assert result.code == 1, result.stdout
    assert result.stdout.count("assert 0") >= len(REPLACED)
    assert f"{len(REPLACED)} failed, 1 passed" in result.stdout
