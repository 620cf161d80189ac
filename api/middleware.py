"""Keep the API's promises where views cannot: routes follow the raw path, and no error of a lower layer shows another shape."""

from collections.abc import Callable
from urllib.parse import quote, urlsplit

from django.http import HttpRequest, HttpResponse

from api.v1.errors import plain_error

PREFIX = "/api/"


class ApiEdge:
    """Route API requests on their undecoded path, and give each error of Django itself the API's shape.

    Must be the outermost middleware. Event ids may hold `/` and `%` (semantics: paths are split at `/` before they are decoded);
    the URL converters decode each segment.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        request.path_info = raw_path(request)
        response = self.get_response(request)
        return response if _is_ours(response) else plain_error(response.status_code)


def raw_path(request: HttpRequest) -> str:
    """Return the path as the client sent it, still percent-encoded.

    Servers name it differently (ASGI scope, gunicorn, uWSGI). A server that gives only the decoded path loses the difference
    between `/` and `%2F`; nothing else.
    """
    scope = request.META.get("asgi.scope")
    if scope and scope.get("raw_path"):
        return str(scope["raw_path"].decode("latin-1").partition("?")[0])
    sent = request.META.get("RAW_URI") or request.META.get("REQUEST_URI")
    return urlsplit(sent).path if sent else quote(request.path_info, safe="/:@!$&'()*+,;=~")


def _is_ours(response: HttpResponse) -> bool:
    return response.status_code < 400 or response.get("Content-Type", "").startswith("application/json")
