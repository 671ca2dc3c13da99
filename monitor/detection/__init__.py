"""From readings to findings: pure folds, the same after a restart, a replay, duplicates or late data."""
