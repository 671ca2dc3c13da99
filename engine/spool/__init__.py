"""The durable message store: an append-only segmented log with group commit.

base        what the engine asks of a spool
log         the spool on disk: batches, one committing thread, recovery, reclaiming
memory      the spool that forgets, for tests and rehearsals
records     the bytes on disk (its docstring is the format's documentation)
"""
