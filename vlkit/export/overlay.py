"""Pictures of the pages with what was found drawn on them."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from vlkit.document import Block, Document, Figure, Page, Table, Word
from vlkit.export.pictures import page_images
from vlkit.geometry import Box
from vlkit.images import PageImage

Colour = tuple[int, int, int]

_COLOURS: dict[str, Colour] = {
    "title": (190, 24, 93),
    "heading": (217, 70, 20),
    "paragraph": (37, 99, 235),
    "list_item": (13, 148, 136),
    "caption": (124, 58, 237),
    "code": (67, 56, 202),
    "footnote": (120, 113, 108),
    "header": (100, 116, 139),
    "footer": (100, 116, 139),
    "page_number": (100, 116, 139),
    "table": (5, 122, 85),
    "figure": (161, 98, 7),
}
# Of entities, by the order of their labels.
_LABELS: tuple[Colour, ...] = (
    (124, 58, 237),
    (219, 39, 119),
    (2, 132, 199),
    (202, 98, 4),
    (77, 124, 15),
)
# Words from sure to unsure.
_SURE, _DOUBTFUL, _WRONG = (22, 163, 74), (234, 179, 8), (220, 38, 38)
_UNKNOWN = (148, 163, 184)
_LINK = (15, 23, 42)
# Pixels of the longer side between which the drawing stays legible and the file small.
_SMALLEST, _LARGEST = 1200, 1800


def overlay(document: Document) -> list[Image.Image]:
    """A picture of every page: items by role with their number in reading order, cells of
    tables, words underlined from green (sure) to red, and entities with their labels and links.

    Raises:
        InputError: The document's source is not known, or gone.
    """
    return [draw_page(page, image) for page, image in page_images(document)]


def to_png(document: Document) -> list[bytes]:
    """The overlay of every page as a PNG file."""
    encoded = []
    for page, image in page_images(document):
        stream = BytesIO()
        draw_page(page, image).save(stream, "PNG")
        encoded.append(stream.getvalue())
    return encoded


def draw_page(page: Page, image: PageImage | None) -> Image.Image:
    """One page's picture; a blank one with the reason where the page could not be read."""
    if image is None:
        picture = Image.new("RGB", (_SMALLEST * 7 // 10, _SMALLEST), "white")
        problem = page.error.problem if page.error else "no picture"
        _label(ImageDraw.Draw(picture), (20, 20), f"page {page.number}: {problem}", _WRONG, 20)
        return picture
    height, width = image.pixels.shape[:2]
    factor = min(max(1.0, _SMALLEST / max(width, height)), _LARGEST / max(width, height))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    picture = Image.fromarray(image.pixels).resize(size, Image.Resampling.LANCZOS)
    _Drawing(page, picture).draw()
    return picture


class _Drawing:
    def __init__(self, page: Page, picture: Image.Image) -> None:
        self.page = page
        self.canvas = ImageDraw.Draw(picture, "RGBA")
        self.x = picture.width / page.width if page.width else 1.0
        self.y = picture.height / page.height if page.height else 1.0
        self.pen = max(2, round(max(picture.size) / 700))
        self.text_size = max(12, round(max(picture.size) / 110))

    def draw(self) -> None:
        """Areas first and labels last, so that nothing hides a label."""
        for item in self.page.items:
            colour = _COLOURS[_kind(item)]
            self.canvas.rectangle(
                self.place(item.box), fill=(*colour, 22), outline=(*colour, 255), width=self.pen
            )
            if isinstance(item, Table):
                self.grid(item, colour)
        for word in self.page.words:
            self.word(word)
        self.entities()
        for number, item in enumerate(self.page.items, 1):
            self.label(number, item)

    def entities(self) -> None:
        """Frames in their label's colour, and lines from the end of one to the start of another."""
        places = {entity.id: self.place(entity.box) for entity in self.page.entities}
        names = sorted({entity.label for entity in self.page.entities})
        colours = {name: _LABELS[number % len(_LABELS)] for number, name in enumerate(names)}
        for relation in self.page.relations:
            if relation.head in places and relation.tail in places:
                one, other = places[relation.head], places[relation.tail]
                ends = [(one[2], (one[1] + one[3]) / 2), (other[0], (other[1] + other[3]) / 2)]
                self.canvas.line(ends, fill=(*_LINK, 255), width=self.pen)
        for entity in self.page.entities:
            x0, y0, x1, y1 = places[entity.id]
            colour, size = colours[entity.label], self.text_size * 3 // 4
            self.canvas.rectangle((x0, y0, x1, y1), outline=(*colour, 255), width=self.pen)
            _label(self.canvas, (x0, max(0, y0 - size * 1.2)), entity.label, colour, size)

    def label(self, number: int, item: Block | Table | Figure) -> None:
        """Left of the item where there is room, so that the line above stays legible."""
        name, size = _name(number, item), self.text_size
        x0, y0, *_ = self.place(item.box)
        width = self.canvas.textlength(name, font=ImageFont.load_default(size)) + size * 0.6
        place = (x0 - width, y0) if x0 > width + size * 0.3 else (x0, y0 - size * 1.3)
        place = (max(size * 0.3, place[0]), max(size * 0.3, place[1]))
        _label(self.canvas, place, name, _COLOURS[_kind(item)], size)

    def grid(self, table: Table, colour: Colour) -> None:
        for cell in table.cells:
            shade = (*colour, 48) if cell.header else None
            self.canvas.rectangle(
                self.place(cell.box), fill=shade, outline=(*colour, 170), width=self.pen // 2
            )

    def word(self, word: Word) -> None:
        colour = _confidence_colour(word.confidence)
        if word.quad:
            corners = [(x * self.x, y * self.y) for x, y in word.quad]
            self.canvas.polygon(corners, fill=(*colour, 36))
            self.canvas.line([corners[3], corners[2]], fill=(*colour, 255), width=self.pen)
        else:
            x0, y0, x1, y1 = self.place(word.box)
            self.canvas.rectangle((x0, y0, x1, y1), fill=(*colour, 36))
            self.canvas.line([(x0, y1), (x1, y1)], fill=(*colour, 255), width=self.pen)

    def place(self, box: Box) -> Box:
        return (box[0] * self.x, box[1] * self.y, box[2] * self.x, box[3] * self.y)


def _kind(item: Block | Table | Figure) -> str:
    return item.role if isinstance(item, Block) else item.kind


def _name(number: int, item: Block | Table | Figure) -> str:
    """What a label says: ``3 heading 2``, ``7 table 4x3``; of a paragraph the number alone."""
    name = f"{number} {_kind(item).replace('_', ' ')}"
    if isinstance(item, Table):
        return f"{name} {item.rows}x{item.columns}"
    if isinstance(item, Block) and item.role == "paragraph":
        return str(number)
    if isinstance(item, Block) and item.level and item.role in ("heading", "list_item"):
        return f"{name} {item.level}"
    return name


def _confidence_colour(confidence: float | None) -> Colour:
    """Green at 1, yellow at .75, red at .5 and below; grey where nothing is known."""
    if confidence is None:
        return _UNKNOWN
    doubt = min(max((1 - confidence) * 2, 0.0), 1.0)
    start, end = (_SURE, _DOUBTFUL) if doubt < 0.5 else (_DOUBTFUL, _WRONG)
    share = doubt * 2 % 1 if doubt < 1 else 1.0
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(start, end, strict=True))
    return red, green, blue


def _label(
    canvas: ImageDraw.ImageDraw, place: tuple[float, float], text: str, colour: Colour, size: int
) -> None:
    font = ImageFont.load_default(size)
    x0, y0, x1, y1 = canvas.textbbox(place, text, font=font)
    pad = size * 0.25
    area = (x0 - pad, y0 - pad, x1 + pad, y1 + pad)
    canvas.rounded_rectangle(area, radius=pad, fill=(*colour, 255))
    canvas.text(place, text, font=font, fill="white")
