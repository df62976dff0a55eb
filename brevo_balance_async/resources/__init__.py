"""One coroutine module for each resource; each names its operations in constants at its head."""
