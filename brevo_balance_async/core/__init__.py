"""The engine room: what happens to a request between a resource call and the wire."""
