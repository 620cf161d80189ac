"""Serve the whole product as one ASGI application."""

from a2wsgi import WSGIMiddleware

from billing_project.wsgi import application as pages

application = WSGIMiddleware(pages)  # type: ignore[arg-type]  # its types are narrower than PEP 3333
