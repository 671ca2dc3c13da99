"""`digest`, `notify test`."""
