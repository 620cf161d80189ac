"""`make bench`: run the benchmarks, or those named, and print one line of JSON for each figure."""

import sys

from benchmarks import billing, ingest, memory, query

BENCHMARKS = {"ingest": ingest.main, "query": query.main, "memory": memory.main, "billing": billing.main}


def main() -> None:
    for name in sys.argv[1:] or BENCHMARKS:
        BENCHMARKS[name]()


if __name__ == "__main__":
    main()
