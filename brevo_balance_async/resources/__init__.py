"""One module of coroutines for each resource. Its operations are ``Endpoint`` constants at its head."""
