"""Map every URL of the product."""

from django.contrib import admin
from django.urls import include, path

from billing_project import health

urlpatterns = [
    path("api/v1/", include("api.v1.urls")),
    path("healthz", health.healthz, name="healthz"),
    path("", include("access.urls")),
    path("", include("dashboard.urls")),
    path("admin/", admin.site.urls),
]
