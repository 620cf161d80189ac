"""Map every URL of the product."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("access.urls")),
    path("admin/", admin.site.urls),
]
