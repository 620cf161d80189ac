"""`make bench`: run the benchmarks, or those named, and print one line of JSON for each figure.

Growth runs only when it is named: it takes long.
"""

import sys

from benchmarks import billing, export, growth, ingest, memory, query

BENCHMARKS = {"ingest": ingest.main, "query": query.main, "memory": memory.main, "billing": billing.main, "export": export.main}
LONG = {"growth": growth.main}


def main() -> None:
    for name in sys.argv[1:] or BENCHMARKS:
        (BENCHMARKS | LONG)[name]()


if __name__ == "__main__":
    main()
