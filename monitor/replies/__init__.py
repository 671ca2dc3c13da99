"""What mail servers reply to the engine, as readings like those of any other source."""
