"""An asyncio-native SDK for Brevo's Loyalty Balance API.

Begin with ``BalanceClient``; everything a program needs can be imported from here. The sandbox, a local server
that imitates Brevo and keeps state, is ``brevo_balance_async.sandbox`` and is loaded only when it is imported.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING

from brevo_balance_async._version import __version__

if TYPE_CHECKING:
    from brevo_balance_async.client import (
        BalanceClient,
        Balances,
        Definitions,
        History,
        Hold,
        Limits,
        Program,
        Transactions,
    )
    from brevo_balance_async.config import ApiKey, ClientCredentials, Clock, Credentials, Options, PartnerKey
    from brevo_balance_async.errors import (
        AuthenticationError,
        BadRequestError,
        BalanceError,
        ClientStateError,
        ConflictError,
        ConnectFailedError,
        DecodeError,
        FailedDependencyError,
        InputFileError,
        InvalidRequestError,
        JournalBusyError,
        JournalError,
        JournalFullError,
        JournalVersionError,
        NotFoundError,
        OutcomeUnknownError,
        PaginationError,
        PermissionDeniedError,
        Problem,
        QuotaError,
        QuotaWaitError,
        RateLimitedError,
        ReferenceConflictError,
        RequestTimeoutError,
        ResponseError,
        ServerError,
        TransportError,
        UnprocessableError,
    )
    from brevo_balance_async.hooks import (
        AttemptFailed,
        AttemptFinished,
        AttemptStarted,
        Event,
        Hook,
        OutcomeUnknown,
        QuotaWait,
        RetryScheduled,
    )
    from brevo_balance_async.models import (
        UNSET,
        ActiveBalance,
        Amount,
        Balance,
        BalanceDefinition,
        BalanceLimit,
        BalanceOrder,
        ConstraintType,
        ContactBalance,
        DurationModifier,
        DurationUnit,
        OrderSource,
        OvertakingStrategy,
        QuotaState,
        Rounding,
        Sort,
        SubscriptionBalance,
        SubscriptionBalances,
        Transaction,
        TransactionRecord,
        TransactionStatus,
        TransactionType,
        Unit,
        Unset,
        Version,
        to_plain,
    )
    from brevo_balance_async.pagination import Page, Paginator, WalkMemory

# A library must not print log records by itself: the application decides where they go.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "UNSET",
    "ActiveBalance",
    "Amount",
    "ApiKey",
    "AttemptFailed",
    "AttemptFinished",
    "AttemptStarted",
    "AuthenticationError",
    "BadRequestError",
    "Balance",
    "BalanceClient",
    "BalanceDefinition",
    "BalanceError",
    "BalanceLimit",
    "BalanceOrder",
    "Balances",
    "ClientCredentials",
    "ClientStateError",
    "Clock",
    "ConflictError",
    "ConnectFailedError",
    "ConstraintType",
    "ContactBalance",
    "Credentials",
    "DecodeError",
    "Definitions",
    "DurationModifier",
    "DurationUnit",
    "Event",
    "FailedDependencyError",
    "History",
    "Hold",
    "Hook",
    "InputFileError",
    "InvalidRequestError",
    "JournalBusyError",
    "JournalError",
    "JournalFullError",
    "JournalVersionError",
    "Limits",
    "NotFoundError",
    "Options",
    "OrderSource",
    "OutcomeUnknown",
    "OutcomeUnknownError",
    "OvertakingStrategy",
    "Page",
    "PaginationError",
    "Paginator",
    "PartnerKey",
    "PermissionDeniedError",
    "Problem",
    "Program",
    "QuotaError",
    "QuotaState",
    "QuotaWait",
    "QuotaWaitError",
    "RateLimitedError",
    "ReferenceConflictError",
    "RequestTimeoutError",
    "ResponseError",
    "RetryScheduled",
    "Rounding",
    "ServerError",
    "Sort",
    "SubscriptionBalance",
    "SubscriptionBalances",
    "Transaction",
    "TransactionRecord",
    "TransactionStatus",
    "TransactionType",
    "Transactions",
    "TransportError",
    "Unit",
    "UnprocessableError",
    "Unset",
    "Version",
    "WalkMemory",
    "__version__",
    "to_plain",
]

_ROOMS = ("client", "config", "errors", "hooks", "models", "pagination")


if not TYPE_CHECKING:  # a type checker would believe that a module with __getattr__ has any name

    def __getattr__(name: str) -> object:
        """A public name, or the module it comes from, when it is first asked for.

        Importing a subpackage imports this module first, and the sandbox, as a process of its own, needs no client.
        """
        if name in _ROOMS:
            return import_module(f"{__name__}.{name}")
        for room in _ROOMS if name in __all__ else ():
            module = import_module(f"{__name__}.{room}")
            if hasattr(module, name):
                globals()[name] = found = getattr(module, name)
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted(globals().keys() | set(__all__))
