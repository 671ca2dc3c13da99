"""What can go wrong with a contender or a run."""


class BenchError(Exception):
    """A run that does not count; the text says why."""


class Unavailable(BenchError):  # noqa: N818 - reads as what it means
    """A contender that cannot be had on this machine; the text says why."""
