"""What plots are painted with: matplotlib's Agg for lines and areas, Pillow for texts.

Pillow writes twenty times as fast as matplotlib. Places are in pixels, from the left and from
below.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.lines import Line2D
from matplotlib.transforms import IdentityTransform
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT, DPI = 1000, 600, 100
"""A picture fits a report's page and a small screen."""
COMPRESSION = 1
"""Of the PNG: takes 10 ms where matplotlib's 6 takes 15, for an eighth more bytes."""
GREY = "#5b6470"


@dataclass(frozen=True, slots=True)
class Text:
    """A text at a point; `anchor` says what of it lies there, in Pillow's two letters."""

    x: float
    y: float
    text: str
    anchor: str = "mm"
    size: float = 10
    bold: bool = False
    color: str = GREY
    upright: bool = False

    def write_on(self, image: Image.Image) -> None:
        """Write it on an image."""
        place, font = (self.x, HEIGHT - self.y), _font(self.size, bold=self.bold)
        if not self.upright:
            ImageDraw.Draw(image).text(place, self.text, self.color, font, self.anchor)
            return
        mask = _upright(self.text, font)
        corner = round(place[0] - mask.width / 2), round(place[1] - mask.height / 2)
        image.paste(self.color, (*corner, corner[0] + mask.width, corner[1] + mask.height), mask)


class Picture:
    """Lines and areas, what comes later above what came before, and texts above them all."""

    def __init__(self) -> None:
        self._figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI)
        self._canvas: Any = FigureCanvasAgg(self._figure)  # ships no type information
        self._texts: list[Text] = []

    def line(self, xs: Sequence[float], ys: Sequence[float], color: str, **style: Any) -> None:
        """A line through points."""
        self._add(Line2D(xs, ys, color=color, **style))

    def areas(self, corners: Sequence[Any], color: str, alpha: float = 1) -> None:
        """Filled polygons."""
        self._add(PolyCollection(corners, facecolor=color, alpha=alpha, linewidth=0))

    def text(self, text: Text) -> None:
        """A text."""
        self._texts.append(text)

    def png(self) -> bytes:
        """What was drawn."""
        self._canvas.draw()
        pixels = Image.frombuffer("RGBA", (WIDTH, HEIGHT), self._canvas.buffer_rgba())
        image = pixels.convert("RGB")
        for text in self._texts:
            text.write_on(image)
        file = io.BytesIO()
        image.save(file, "PNG", compress_level=COMPRESSION)
        return file.getvalue()

    def _add(self, artist: Artist) -> None:
        artist.set_transform(IdentityTransform())
        artist.set_zorder(1)
        self._figure.add_artist(artist)


@cache
def _font(size: float, *, bold: bool) -> ImageFont.FreeTypeFont:
    path = findfont(FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal"))
    return ImageFont.truetype(path, size * DPI / 72, layout_engine=ImageFont.Layout.BASIC)


@cache
def _upright(text: str, font: ImageFont.FreeTypeFont) -> Image.Image:
    """The text, lines centred, as a mask that reads from below."""
    draw = ImageDraw.Draw(Image.new("L", (1, 1)))
    left, top, right, bottom = draw.multiline_textbbox((0, 0), text, font, align="center")
    mask = Image.new("L", (round(right - left), round(bottom - top)))
    ImageDraw.Draw(mask).multiline_text((-left, -top), text, 255, font, align="center")
    return mask.transpose(Image.Transpose.ROTATE_90)
