import subprocess
import sys

import pytest

from core import faults


def test_a_strike_happens_at_its_place_only():
    struck = []

    with faults.striking("here", lambda: struck.append("here")):
        faults.fault("there")
        faults.fault("here")
    faults.fault("here")

    assert struck == ["here"]


def test_nothing_happens_without_the_setting(settings):
    settings.FAULT_POINTS = False

    with faults.striking("here", lambda: pytest.fail("struck")):
        faults.fault("here")


def test_a_chance_of_one_kills_the_process():
    program = (
        "import django; django.setup(); from core.faults import fault; fault('other'); print('alive', flush=True); fault('here')"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "billing_project.test_settings", "TALLYBOOK_FAULTS": "here=1", "PATH": ""}

    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)

    assert (run.returncode, run.stdout) == (-9, "alive\n")
