"""A mail engine in PowerMTA's model. It knows nothing of reputation: it is told, through its control API."""
