# Everything here needs Python 3.11 or newer and nothing else; what is missing is said in one sentence.
PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
export PORT DEMO CMD ARGS

.DEFAULT_GOAL := help
.PHONY: help run test lint manage bench

help:
	@echo 'make run                 run the product at http://127.0.0.1:8000 (another port: PORT=8001 make run)'
	@echo 'make test                run the whole test suite on a real PostgreSQL (a part: make test ARGS="core -k money")'
	@echo 'make lint                run every check that reads the code without running it'
	@echo 'make manage CMD="..."    run a management command against what `make run` started'
	@echo 'make bench               measure ingest, queries and billing runs'
	@echo
	@echo 'DEMO=no make run         start without demonstration data'
	@echo 'DATABASE_URL, REDIS_URL  use servers of your own instead of those that come with the packages'

run test lint manage bench: python
	@exec $(PYTHON) -m launch $@

.PHONY: python
python:
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or newer is missing: install it, or name it with PYTHON=…'; exit 1; }
