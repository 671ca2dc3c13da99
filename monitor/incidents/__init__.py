"""From findings to incidents: when one opens, changes, ends, and who is to be told. Decides only."""
