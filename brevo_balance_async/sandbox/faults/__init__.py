"""Scripted misbehaviour: which requests go wrong, and how. The rooms of HTTP act it out."""
