"""Which connections a trace is about. A decider: what is to be opened in, yes or no out."""

from dataclasses import dataclass

from core.address import IpAddress


@dataclass(frozen=True, slots=True)
class Subject:
    """A connection that is to be opened. `source_ip` None: it failed before one was chosen."""

    domain: str
    vmta: str
    provider: str | None
    source_ip: IpAddress | None
    bind: str = ""

    @property
    def queue(self) -> str:
        return f"{self.domain}/{self.vmta}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asked to see; None stands for any."""

    domain: str | None = None
    vmta: str | None = None
    source_ip: IpAddress | None = None
    provider: str | None = None
    log_data: bool = False
    connections: int = 1

    def takes(self, subject: Subject) -> bool:
        """Whether every part that was asked for fits."""
        asked = (
            (self.domain, subject.domain),
            (self.vmta, subject.vmta),
            (self.source_ip, subject.source_ip),
            (self.provider, subject.provider),
        )
        return all(wish is None or wish == has for wish, has in asked)

    def __str__(self) -> str:
        parts = [f"{self.domain or '*'}/{self.vmta or '*'}"] if self.domain or self.vmta else []
        parts += [f"from {self.source_ip}"] if self.source_ip else []
        parts += [f"at {self.provider}"] if self.provider else []
        return " ".join(parts) or "any queue"
