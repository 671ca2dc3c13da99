"""What a policy is: it sees what an engine counts, and says how fast to send."""

from typing import Protocol

from lab.simulation.world import Rates, Seen, World


class Policy(Protocol):
    """One way to control many worlds at once; each world by itself."""

    def rates(self) -> Rates:
        """For the coming step."""
        ...

    def watch(self, world: World, seen: Seen) -> None:
        """A step is over: `seen` is what the engines counted in it."""
        ...
