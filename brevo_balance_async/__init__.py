"""An asyncio-native SDK for Brevo's Loyalty Balance API.

``BalanceClient`` is the door; everything a program needs is importable from here. The sandbox, a local Brevo
Balance API that keeps state, is ``brevo_balance_async.sandbox`` and is loaded only when asked for.
"""

from __future__ import annotations

import logging

from brevo_balance_async._version import __version__
from brevo_balance_async.client import BalanceClient, Program
from brevo_balance_async.config import ApiKey, ClientCredentials, Credentials, PartnerKey
from brevo_balance_async.core.quota import QuotaState
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
    JournalError,
    NotFoundError,
    OutcomeUnknownError,
    PaginationError,
    PermissionDeniedError,
    QuotaWaitError,
    RateLimitedError,
    RequestTimeoutError,
    ResponseError,
    ServerError,
    TransportError,
    UnprocessableError,
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
    Rounding,
    Sort,
    SubscriptionBalance,
    SubscriptionBalances,
    Transaction,
    TransactionRecord,
    TransactionStatus,
    TransactionType,
    Unit,
    Version,
)
from brevo_balance_async.pagination import Page, Paginator

# A library must not print on its own account: the application decides where these loggers write.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "UNSET",
    "ActiveBalance",
    "Amount",
    "ApiKey",
    "AuthenticationError",
    "BadRequestError",
    "Balance",
    "BalanceClient",
    "BalanceDefinition",
    "BalanceError",
    "BalanceLimit",
    "BalanceOrder",
    "ClientCredentials",
    "ClientStateError",
    "ConflictError",
    "ConnectFailedError",
    "ConstraintType",
    "ContactBalance",
    "Credentials",
    "DecodeError",
    "DurationModifier",
    "DurationUnit",
    "FailedDependencyError",
    "InputFileError",
    "InvalidRequestError",
    "JournalError",
    "NotFoundError",
    "OrderSource",
    "OutcomeUnknownError",
    "OvertakingStrategy",
    "Page",
    "PaginationError",
    "Paginator",
    "PartnerKey",
    "PermissionDeniedError",
    "Program",
    "QuotaState",
    "QuotaWaitError",
    "RateLimitedError",
    "RequestTimeoutError",
    "ResponseError",
    "Rounding",
    "ServerError",
    "Sort",
    "SubscriptionBalance",
    "SubscriptionBalances",
    "Transaction",
    "TransactionRecord",
    "TransactionStatus",
    "TransactionType",
    "TransportError",
    "Unit",
    "UnprocessableError",
    "Version",
    "__version__",
]
