"""From nothing to a configuration that passes `check-config`: questions, answers, a commented file."""
