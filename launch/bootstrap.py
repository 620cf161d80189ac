"""Make the virtual environment and install into it what the requirements file pins, when it changed."""

import hashlib
import importlib.util
import os
import platform
import re
import subprocess
import sys
from collections.abc import MutableMapping
from pathlib import Path

from launch.locks import exclusive
from launch.places import CLONE
from launch.problems import CannotStart

RUN = "requirements.txt"
DEVELOP = "requirements-dev.txt"
"""Holds everything that RUN holds, with the same pins (a test holds them together)."""


def environment_python(requirements: str) -> Path:
    """Return the virtual environment's interpreter with these requirements installed. Raises CannotStart."""
    folder = CLONE / ".venv"
    python = folder / "bin" / "python"
    (CLONE / "var").mkdir(mode=0o755, exist_ok=True)
    with exclusive(CLONE / "var" / "bootstrap.lock"):
        if not works(python):
            _make(folder)
        if not any(_installed(folder, name) for name in {requirements, DEVELOP}):
            _install(folder, requirements)
    return python


def works(python: Path) -> bool:
    """Tell whether this interpreter runs and has pip."""
    if not python.exists():
        return False
    return subprocess.run([python, "-c", "import pip"], capture_output=True, check=False).returncode == 0


def _make(folder: Path) -> None:
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise CannotStart(
                f"Python's {module} module is missing: install it (on Debian and Ubuntu: apt-get install python3-venv)."
            )
    print(f"Making the virtual environment {folder}", flush=True)
    answer = subprocess.run([sys.executable, "-m", "venv", "--clear", folder], capture_output=True, text=True, check=False)
    if answer.returncode:
        raise CannotStart(f"The virtual environment could not be made: {_one_line(answer.stdout + answer.stderr)}")


def _marker(folder: Path, requirements: str) -> Path:
    return folder / f"installed-{requirements}"


def _fingerprint(requirements: str) -> str:
    return hashlib.sha256((CLONE / requirements).read_bytes()).hexdigest()


def _installed(folder: Path, requirements: str) -> bool:
    marker = _marker(folder, requirements)
    return marker.exists() and marker.read_text() == _fingerprint(requirements)


def _install(folder: Path, requirements: str) -> None:
    print(f"Installing {requirements} (about half a minute)", flush=True)
    pip_install(folder / "bin" / "python", CLONE / requirements)
    _marker(folder, requirements).write_text(_fingerprint(requirements))


def pip_install(python: Path, requirements: Path) -> None:
    """Install wheels only: a bare machine has no compiler. Modules are compiled when first used: most never are. Raises CannotStart."""
    command: list[str | Path] = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"]
    command += ["--no-compile", "--only-binary", ":all:", "--requirement", requirements]
    answer = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}
    )
    if answer.returncode:
        raise CannotStart(why_not_installed(answer.stderr))


def let_modules_be_compiled(environment: MutableMapping[str, str]) -> None:
    """Have Python keep what it compiles, whatever the caller's shell says: without it each process spends seconds on compiling again."""
    environment.pop("PYTHONDONTWRITEBYTECODE", None)


def why_not_installed(errors: str) -> str:
    """Turn pip's errors into one sentence."""
    unfit = re.search(r"No matching distribution found for (\S+)", errors)
    if re.search(r"NewConnectionError|Temporary failure|timed out|ReadTimeout|ProxyError", errors):
        return "The package index could not be reached to install the requirements: look at the network and pip's settings."
    return _no_wheel(unfit[1]) if unfit else f"pip could not install the requirements: {_one_line(errors)}"


def _no_wheel(name: str) -> str:
    machine = f"{platform.system()} on {platform.machine()} with {platform.libc_ver()[0] or 'this C library'}"
    return f"{name} has no wheel for Python {platform.python_version()} on {machine}: use a platform that it supports."


def _one_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
