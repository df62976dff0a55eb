"""Keeps the sample project out of our own run: it is a project of its own, which ``test_plugin.py`` runs."""

from __future__ import annotations

collect_ignore = ["project"]
