"""What the API remembers between two requests of one reader."""

from django.db import models


class PageEnd(models.Model):
    """Where one page of a list ended, so that the next one goes on by key while rows arrive (api/v1/pagination.py).

    id: 16-byte hash of API key, address, filters and page number.  Rows are worthless after expires_at.
    """

    id = models.UUIDField(primary_key=True)
    end = models.TextField()
    upper = models.TextField(blank=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = "page end"

    def __str__(self) -> str:
        return str(self.id)
