"""The acts of the story, in order. Each is `async def play(stage)` and raises StepFailed."""
