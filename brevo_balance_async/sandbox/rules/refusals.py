"""How the sandbox says no: the status, code and message of an error body."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Refusal(Exception):  # noqa: N818 - an answer of the API, not a defect
    """An error answer. Brevo's body is flat: ``{"code": ..., "message": ...}``.

    The statuses are documented; which codes the loyalty routes use is not, so the platform-wide list is used.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message
        self.headers: Mapping[str, str] = headers or {}


def malformed(message: str, status: int = 400) -> Refusal:
    """400, or 422 where a switch says so: the body is not a JSON object."""
    return Refusal(status, "bad_request" if status == 400 else "unprocessable_entity", message)


def too_large() -> Refusal:
    """413: the body has more bytes than are read."""
    return Refusal(413, "request_entity_too_large", "the body is too large")


def not_allowed(methods: Iterable[str]) -> Refusal:
    """405: the path exists, the method does not."""
    return Refusal(405, "method_not_allowed", "method not allowed", {"allow": ", ".join(methods)})


def unauthorized() -> Refusal:
    """401: the key or token is missing or wrong; the text is the one Brevo sends."""
    return Refusal(401, "unauthorized", "authentication not found in headers")


def forbidden(message: str) -> Refusal:
    """403: known caller, not allowed."""
    return Refusal(403, "permission_denied", message)


def not_found(what: str) -> Refusal:
    """404: unknown program, definition, limit or transaction, or reading a contact who is no member."""
    return Refusal(404, "document_not_found", f"{what} not found")


def not_imitated(method: str, path: str) -> Refusal:
    """501: Brevo may have the route, the sandbox has it not."""
    return Refusal(
        501,
        "not_imitated",
        f"the sandbox imitates Brevo's Loyalty Balance API only; {method} {path} is not part of it. "
        "It has the routes under /v3/loyalty/balance/programs/, and the one that publishes a program",
    )


def invalid(message: str, code: str = "invalid_parameter") -> Refusal:
    """422: a field has a value that the contract forbids."""
    return Refusal(422, code, message)


def unprocessable(message: str) -> Refusal:
    """422: the fields are well formed, but the state of the account forbids the operation."""
    return Refusal(422, "unprocessable_entity", message)


def failed_dependency(message: str) -> Refusal:
    """424: documented on updating a definition and on creating a limit, its cause is not."""
    return Refusal(424, "failed_dependency", message)
