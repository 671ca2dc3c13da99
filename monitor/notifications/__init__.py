"""Telling people: views, mails, and their way out through the outbox."""
