"""Mailbox providers: the names that scopes, statistics and leases use."""

from typing import Final

MICROSOFT: Final = "microsoft"
"""Consumer Outlook: the only provider that SNDS speaks about."""

OTHER: Final = "other"
"""Every domain whose MX belongs to no provider that the map names."""

EVERY: Final = "*"
"""In a scope: all providers."""
