"""Shows small images and the beginnings of texts on the page.

The page loads nothing, so images stand in it; what a file is, its first bytes say, not its name.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pytest_k8s_job.report.run_data import Artifact

__all__ = ["Preview", "previews"]

IMAGES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}
IMAGE_BYTES = 1 << 20  # of one image
ALL_IMAGE_BYTES = 8 << 20  # of all on the page
TEXT_BYTES = 4 << 10  # of the beginning of a text
TEXTS = 200  # previews on a page
LISTED = 2000  # files on a page; report.json has all


@dataclass(frozen=True)
class Preview:
    """One file with its link; `image` is a data URL, `text` the beginning."""

    artifact: Artifact
    link: str
    image: str = ""
    text: str = ""
    cut: bool = False


def previews(artifacts: Sequence[Artifact], folder: Path) -> Mapping[str, list[Preview]]:
    """Return the files by test, "" for none; `folder` is the page's."""
    found: dict[str, list[Preview]] = {}
    room, texts = ALL_IMAGE_BYTES, TEXTS
    for artifact in artifacts[:LISTED]:
        preview = _preview(artifact, folder, room, texts)
        room -= len(preview.image)
        texts -= bool(preview.text)
        found.setdefault(artifact.test, []).append(preview)
    return found


def _preview(artifact: Artifact, folder: Path, room: int, texts: int) -> Preview:
    link = quote(artifact.file)
    try:
        with (folder / artifact.file).open("rb") as file:
            head = file.read(TEXT_BYTES)
            kind = next((IMAGES[each] for each in IMAGES if head.startswith(each)), "")
            if not kind:
                text = _text(head) if texts > 0 else ""
                return Preview(artifact, link, text=text, cut=artifact.size > len(head))
            if artifact.size > min(IMAGE_BYTES, room):
                return Preview(artifact, link)
            data = base64.b64encode(head + file.read(IMAGE_BYTES)).decode("ascii")
            return Preview(artifact, link, image=f"data:{kind};base64,{data}")
    except OSError:
        return Preview(artifact, link)


def _text(head: bytes) -> str:
    """Return the beginning of a text; nothing if it is none."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # more than a character that was cut
            return ""
        text = head[: error.start].decode("utf-8")
    return text if all(char.isprintable() or char in "\n\r\t" for char in text) else ""
