"""What every test shares."""

from hypothesis import settings

# a shared machine is slow now and then: examples are bounded by count, not by time
settings.register_profile("tidegate", deadline=None)
settings.load_profile("tidegate")
