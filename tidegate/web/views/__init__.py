"""What pages show: pure functions from facts to values that templates print; templates hold no logic."""
