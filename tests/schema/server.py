"""A sandbox in a process of its own, with ids that drawn requests can be pointed to."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from schemathesis import Case

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
DEFINITION = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"
LIMIT = {
    "constraintType": "amount",
    "transactionType": "credit",
    "durationUnit": "day",
    "durationValue": 1,
    "value": 10**15,
}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
SECONDS = 20
# Drawn moments lie in the past, and an order that is refused for it tells nothing.
DEFAULTS = ("past_due_at=accepted",)
OTHERS = (
    *DEFAULTS,
    "above_max_limit=cap",
    "amounts=string",
    "count=absent",
    "empty_definitions=204",
    "expiration_date_form=ddmm",
    "history_meta=text",
    "history_metadata_filter=honoured",
    "limit_without_definition=404",
    "malformed_body=400",
    "rejection=422",
    "status_words=old",
    "subscription_balances=array",
    "unknown_fields=422",
)
"""The switches that decide what is declared, each in another position."""


class Server:
    """``python -m brevo_balance_async.sandbox`` for the length of a ``with`` block; ``switches`` as NAME=VALUE."""

    def __init__(self, switches: tuple[str, ...]) -> None:
        self._options = [part for each in switches for part in ("--switch", each)]

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "brevo_balance_async.sandbox", *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._base = self._process.stdout.readline().split()[-1]
        self.origin = self._base.removesuffix("/v3")
        self.headers = {"api-key": "xkeysib-sandbox-0123456789abcdef-LOCAL"}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.communicate(timeout=SECONDS)

    def document(self) -> dict[str, Any]:
        """What the sandbox says of itself."""
        return requests.get(f"{self.origin}/_sandbox/openapi.json", timeout=SECONDS).json()

    def reset(self) -> None:
        """Begin anew, with one definition, one limit, one draft."""
        self._post("/_sandbox/reset", {})
        definition = {"id": DEFINITION, "name": "Points", "unit": "POINTS"}
        self._post("/_sandbox/seed", {"program": PROGRAM, "definitions": [definition]})
        api = f"/v3/loyalty/balance/programs/{PROGRAM}"
        draft = {"balanceDefinitionId": DEFINITION, "contactId": 42, "amount": 5}
        self._known = {
            "pid": PROGRAM,
            "bdid": DEFINITION,
            "blid": self._post(f"{api}/balance-definitions/{DEFINITION}/limits", LIMIT)["id"],
            "tid": self._post(f"{api}/transactions", draft)["id"],
            "balanceDefinitionId": DEFINITION,
            "client_id": "sandbox-client",
            "client_secret": "sandbox-client-secret",
        }

    def make_known(self, case: Case) -> None:
        """Replace ids of nothing by those of something, but for a third of them, and the client by the one there is."""
        for members in (case.path_parameters, case.query, case.body):
            if isinstance(members, dict):
                for name, known in self._known.items():
                    if name in members and replaceable(name, members[name]):
                        members[name] = known

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = requests.post(self.origin + path, json=body, headers=self.headers, timeout=SECONDS)
        answer.raise_for_status()
        return answer.json()


def replaceable(name: str, value: Any) -> bool:
    """Whether a drawn value is good but unlikely to be known."""
    if not isinstance(value, str):
        return False
    return name.startswith("client_") or (UUID.fullmatch(value) is not None and value[-1] not in "05af")
