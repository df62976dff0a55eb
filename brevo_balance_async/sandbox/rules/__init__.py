"""The money: transactions, balances, limits, expiry, history. Pure rules on an injected clock; no HTTP."""
