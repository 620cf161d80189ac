"""Read printed invoices back."""

import pypdfium2


def pages(printed: bytes) -> list[str]:
    """Give the text of each page, the words parted by single spaces: line breaks of the setting are no part of a text."""
    document = pypdfium2.PdfDocument(printed)
    try:
        return [" ".join(page.get_textpage().get_text_range().split()) for page in document]
    finally:
        document.close()


def right_of(printed: bytes, text: str) -> float:
    """Give where on the first page a text ends, in points from the left."""
    document = pypdfium2.PdfDocument(printed)
    try:
        found = document[0].get_textpage()
        start, count = found.search(text).get_next()
        return max(found.get_charbox(index)[2] for index in range(start, start + count))
    finally:
        document.close()
