"""Tables, sessions, migrations; functions that take a session and return core values."""
