"""Line editing and completion at the prompt of a debugger that runs elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Complete", "editing"]

Complete = Callable[[str, str, int, int], list[str]]
DELIMITERS = " \t\n`@#%^&*()=+[{]}\\|;:'\",<>?"  # those of pdb


@contextmanager
def editing(complete: Complete) -> Iterator[None]:
    """Let the Tab key ask `complete` for word, line, and the word's place in it."""
    try:
        import readline  # noqa: PLC0415 (not in every Python; the prompt works without)
    except ImportError:
        yield
        return
    matches: list[str] = []

    def completer(text: str, number: int) -> str | None:
        nonlocal matches
        if number == 0:
            line, place = readline.get_line_buffer(), (readline.get_begidx(), readline.get_endidx())
            matches = complete(text, line, *place)
        return matches[number] if number < len(matches) else None

    before = readline.get_completer(), readline.get_completer_delims()
    readline.set_completer(completer)
    readline.set_completer_delims(DELIMITERS)
    is_editline = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if is_editline else "tab: complete")
    try:
        yield
    finally:
        readline.set_completer(before[0])
        readline.set_completer_delims(before[1])
