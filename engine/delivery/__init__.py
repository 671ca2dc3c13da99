"""Who sends next, over which connection, from which source IP; and what to make of the answer."""
