"""Accounting: what became of every recipient, in PowerMTA's records, to files and to a webhook."""

from engine.accounting.accounting import Accounting
from engine.accounting.settings import RecordKind

__all__ = ["Accounting", "RecordKind"]
