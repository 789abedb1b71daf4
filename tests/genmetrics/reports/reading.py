"""A page as a test reads it."""

from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Elements with their attributes, text by element, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements, self.text, self.open = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append((self.open[-1] if self.open else "", data.strip()))

    def texts(self, tag: str) -> list[str]:
        return [text for element, text in self.text if element == tag and text]

    def all(self, tag: str) -> list[dict]:
        return [attributes for element, attributes in self.elements if element == tag]
