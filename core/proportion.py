"""How sure a share is that was seen in a few events: Wilson's interval (Wilson 1927, JASA 22:209)."""

from math import sqrt


def wilson_lower(events: int, trials: int, z: float = 1.96) -> float:
    """Lower bound of Wilson's interval for a share: `events` of `trials`, 0 without trials.

    lb = (p + z²/2n - z·√(p(1-p)/n + z²/4n²)) / (1 + z²/n).
    """
    if trials <= 0 or events <= 0:
        return 0.0
    share = min(events, trials) / trials
    square = z * z
    spread = z * sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    return max(0.0, (share + square / (2 * trials) - spread) / (1 + square / trials))


def wilson_upper(events: int, trials: int, z: float = 1.96) -> float:
    """Upper bound of Wilson's interval: the lower bound of what did not happen. 1 without trials."""
    return 1.0 if trials <= 0 else 1.0 - wilson_lower(trials - min(events, trials), trials, z)
