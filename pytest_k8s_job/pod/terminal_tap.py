"""Divides what the terminal reporter writes in the pod into log text and records.

The collector has a reporter of its own, so its text does not travel. But a conftest, a plugin, a
live log or `--setup-show` write to the same terminal, and the collector has none of them: their
calls become records.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TextIO

import pytest
from _pytest.capture import CaptureManager

__all__ = ["tap"]

METHODS = ("write", "line", "sep", "_write_source")  # of a TerminalWriter: what others call

_WRITER = "_pytest._io.terminalwriter"  # its methods call one another
# Modules that write for their callers; the caller counts.
_WRITES_FOR_OTHERS = {
    "_pytest.terminal",
    _WRITER,
    "_pytest._code.code",
    "_pytest.reports",
}
# Parts of pytest that write where tests run: live logs, --setup-show, --pdb.
_RECORDED_PARTS = {"_pytest.logging", "_pytest.setuponly", "_pytest.runner", "_pytest.debugging"}

_frame_above = sys._getframe  # tests take it away, to see what a library does without

Send = Callable[[str, list[object], bool], None]


def tap(config: pytest.Config, text: TextIO, send: Send) -> None:
    """Send the reporter's output to `text`, and the calls of others to `send`."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None:
        return
    writer = reporter._tw
    writer._file = _ReporterFile(writer._file, text, _descriptor_capture(config))
    for name in METHODS:
        setattr(writer, name, _tapped(reporter, name, getattr(writer, name), send))


def is_captured(config: pytest.Config) -> bool:
    """True while the reporter writes into a test's captured output, as unittest's subtests do."""
    return _captures(_descriptor_capture(config))


def _descriptor_capture(config: pytest.Config) -> CaptureManager | None:
    if getattr(config.option, "capture", "") != "fd":
        return None
    manager: CaptureManager | None = config.pluginmanager.getplugin("capturemanager")
    return manager


def _captures(capture: CaptureManager | None) -> bool:
    capturing = capture and capture._global_capturing
    return bool(capturing and capturing.is_started())


class _ReporterFile:
    """The file of a terminal writer: `text`, or stdout while that is captured."""

    def __init__(self, stdout: TextIO, text: TextIO, capture: CaptureManager | None) -> None:
        self._stdout = stdout
        self._text = text
        self._capture = capture
        self.encoding = text.encoding

    def write(self, text: str) -> None:
        (self._stdout if _captures(self._capture) else self._text).write(text)

    def flush(self) -> None:
        (self._stdout if _captures(self._capture) else self._text).flush()

    def isatty(self) -> bool:
        return False


def _tapped(
    reporter: Any, name: str, method: Callable[..., None], send: Send
) -> Callable[..., None]:
    def call(*args: Any, **kwargs: Any) -> None:
        frame = _frame_above(1)
        if frame.f_globals.get("__name__") != _WRITER and (module := _calling_module(frame)):
            send(module, [name, args, kwargs], reporter.currentfspath is None)
        method(*args, **kwargs)

    return call


def _calling_module(frame: FrameType | None) -> str:
    """Return the module that wrote; nothing for the reporter and what the collector has."""
    while frame is not None and frame.f_globals.get("__name__") in _WRITES_FOR_OTHERS:
        frame = frame.f_back
    module: str = frame.f_globals.get("__name__", "") if frame is not None else ""
    if module.startswith("pluggy.") or (
        module.startswith("_pytest.") and module not in _RECORDED_PARTS
    ):
        return ""
    return module
