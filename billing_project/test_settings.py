"""Configure Django for the tests: production settings, plus what only tests may do."""

import os

from launch import for_tests

os.environ.setdefault("SECRET_KEY", "tests-only-" + "k" * 50)
os.environ.setdefault("DEVELOPMENT", "true")
for_tests.choose_database(os.environ)

from billing_project.settings import *  # noqa: E402, F403

FAULT_POINTS = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
