"""Configure Django for the tests: production settings, plus what only tests may do."""

import os

from launch import for_tests

os.environ.setdefault("SECRET_KEY", "tests-only-" + "k" * 50)
os.environ.setdefault("DEVELOPMENT", "true")
for_tests.choose_database(os.environ)

from billing_project.settings import *  # noqa: E402, F403

# Tests with real commits begin with empty tables; see core.history.
_options = DATABASES["default"].setdefault("OPTIONS", {})  # noqa: F405
_options["options"] = f"{_options.get('options', '')} -c tallybook.may_be_emptied=on".strip()
FAULT_POINTS = True
# TALLYBOOK_FAULTS="place=0.01,other=0.5": how often a process is killed (kill -9) at a place; see core.faults.
FAULT_CHANCES = {
    place: float(chance)
    for place, chance in (pair.split("=") for pair in os.environ.get("TALLYBOOK_FAULTS", "").split(",") if pair)
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Static files come straight from the sources: nothing is collected before a test.
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = True
