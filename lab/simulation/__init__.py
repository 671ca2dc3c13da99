"""A toy world of mailbox providers that judge, for the evaluation: arithmetic alone, no sockets, no clock.

Every number that no provider publishes is an assumption and stands in `physics.py` with its reason.
"""
