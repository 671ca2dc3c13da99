"""How fast: exact limiters, the leases put on them, and the chain that explains them."""
