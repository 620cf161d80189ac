"""Soak the product for a while and exit with 1 if anything is wrong: python -m benchmarks.soak --seconds 600 --kills 21."""

import argparse
import json
import sys
from dataclasses import asdict

from benchmarks.soak.run import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="how long the clients send (default 600)")
    parser.add_argument("--kills", type=int, default=21, help="kills in turn of web, worker and PostgreSQL (default 21)")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    report = run(**vars(parser.parse_args()))
    print(json.dumps(asdict(report), indent=2))  # noqa: T201
    sys.exit(bool(report.wrong))


if __name__ == "__main__":
    main()
