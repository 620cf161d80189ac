"""Take no files: no form here asks for one, and Django would write a stranger's to the disk, however large it is."""

from typing import Any, NoReturn

from django.core.exceptions import BadRequest
from django.core.files.uploadhandler import FileUploadHandler


class NoFiles(FileUploadHandler):
    """Refuse a form at its first file, without reading on."""

    def new_file(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise BadRequest("No form here takes a file.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Get nothing: no file has begun."""

    def file_complete(self, file_size: int) -> None:
        """Make nothing."""
