"""Give every refusal of the domain a stable code and a sentence that says how to mend it. PURE."""


class DomainError(Exception):
    """A business rule refused the request.

    code: UPPER_SNAKE, stable for ever.  message: one sentence for the caller.  field: the path of the input at fault, if one.
    Subclasses set `code` and stand beside the function that raises them; api/v1/errors.py maps codes to HTTP statuses.
    """

    code = "INVALID_REQUEST"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
