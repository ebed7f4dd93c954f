"""A page of HTML as a reader's program sees it, and its numbers."""

from html.parser import HTMLParser

ELEMENTS_WITHOUT_END = {"meta", "br", "link", "path", "use", "rect", "img", "polyline", "circle"}


class Page(HTMLParser):
    """A page as a reader's program sees it: elements, tables by caption, cards by title."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.cards: dict[str, tuple[str, str]] = {}
        self._open: list[str] = []
        self._rows: list[list[str]] = []
        self._caption = self._title = self._value = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ELEMENTS_WITHOUT_END:
            self._open.append(tag)
        if tag == "table":
            self._rows, self._caption = [], ""
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")
        elif tag == "dt":
            self._title = self._value = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.tables[" ".join(self._caption.split())] = self._rows
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        inside = set(self._open)
        if "caption" in inside:
            self._caption += data
        elif inside & {"td", "th"}:
            separator = " " if "small" in inside else ""
            self._rows[-1][-1] += separator + data
        elif "dt" in inside:
            self._title += data
        elif "dd" in inside and "strong" in inside:
            self._value = data
        elif "dd" in inside and self._value and data.strip():
            self.cards[self._title] = (self._value, data)

    def table(self, start: str) -> list[list[str]]:
        """The rows, without the head, of the table whose caption starts like this."""
        (rows,) = (rows for caption, rows in self.tables.items() if caption.startswith(start))
        return [[cell.strip() for cell in row] for row in rows[1:]]


def read_number(text: str) -> float:
    """A number as the page writes it, without its unit."""
    return float(text.split("\xa0")[0].replace(".", "").replace(",", "."))


def rounded(value: float) -> float:
    return float(f"{value:.1f}")
