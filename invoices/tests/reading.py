"""Read printed invoices back."""

import pypdfium2


def pages(printed: bytes) -> list[str]:
    """Give the text of each page, the words parted by single spaces: line breaks of the setting are no part of a text."""
    document = pypdfium2.PdfDocument(printed)
    try:
        return [" ".join(page.get_textpage().get_text_range().split()) for page in document]
    finally:
        document.close()
