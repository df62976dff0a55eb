"""How the sandbox says no: the status, code and message of an error body."""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - it is an answer of the API, not a defect of the sandbox
    """An error answer. Brevo's body is flat: ``{"code": ..., "message": ...}``.

    The statuses are documented; which codes the loyalty routes use is not, so the platform-wide list is used.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message


def malformed(message: str) -> Refusal:
    """400: the body is not a JSON object."""
    return Refusal(400, "bad_request", message)


def unauthorized() -> Refusal:
    """401: the key or token is missing or wrong; the text is the one Brevo sends."""
    return Refusal(401, "unauthorized", "authentication not found in headers")


def forbidden(message: str) -> Refusal:
    """403: known caller, not allowed."""
    return Refusal(403, "permission_denied", message)


def not_found(what: str) -> Refusal:
    """404: unknown program, definition, limit or transaction, or reading a contact who is no member."""
    return Refusal(404, "document_not_found", f"{what} not found")


def invalid(message: str, code: str = "invalid_parameter") -> Refusal:
    """422: a field has a value that the contract forbids."""
    return Refusal(422, code, message)


def unprocessable(message: str) -> Refusal:
    """422: the fields are well formed, but the state of the account forbids the operation."""
    return Refusal(422, "unprocessable_entity", message)


def failed_dependency(message: str) -> Refusal:
    """424: documented on updating a definition and on creating a limit, its cause is not."""
    return Refusal(424, "failed_dependency", message)
