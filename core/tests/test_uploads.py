import pytest
from django.core.files import uploadedfile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client


def test_no_file_that_a_stranger_sends_is_written_to_the_disk(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(uploadedfile.TemporaryUploadedFile, "__init__", lambda *_given: written.append("a file"))
    stranger = Client(enforce_csrf_checks=True)
    stranger.cookies["csrftoken"] = "a" * 32  # with it the form is read before it is refused

    answer = stranger.post("/login", {"username": "a", "file": SimpleUploadedFile("f", b"x" * 3_000_000)})

    assert (answer.status_code, written) == (400, [])
