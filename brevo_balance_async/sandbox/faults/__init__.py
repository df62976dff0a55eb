"""Scripted misbehaviour: which requests go wrong, and how. ``http`` carries it out."""
