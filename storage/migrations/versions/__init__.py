"""Alembic's scripts, shipped with the package and run by storage.database.upgrade."""
