"""What happens to a request between a call of a resource and the network."""
