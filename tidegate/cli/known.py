"""Scopes as people type them, and whether an engine knows them."""

from tidegate.acts.limits import refuse_strangers, scope_of

__all__ = ["refuse_strangers", "scope_of"]
