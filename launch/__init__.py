"""Run the product on a bare machine: virtual environment, PostgreSQL, broker, processes. Standard library only."""
