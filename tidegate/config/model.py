"""The whole configuration: the sections of every package, frozen."""

from collections.abc import Iterable

from pydantic import Field

from controller.settings import ControllerSettings
from core.address import IpAddress, SourceIp
from core.settings import Settings
from engine.settings import EngineSettings
from monitor.settings import MonitorSettings
from tidegate.settings import ClockSettings, LoggingSettings
from tidegate.web.settings import WebSettings


class Config(Settings):
    """What one configuration file says."""

    ip_lists: dict[str, tuple[SourceIp, ...]] = Field(
        {},
        description="Name to the IPs that mail leaves from: an address, a network, {address, bind} where "
        "they differ (NAT), or {include: FILE} with one address or network on each line.",
    )
    database: str = Field(
        "sqlite:///data/tidegate.db", description="Where the monitor and the controller keep their records."
    )
    engine: EngineSettings = Field(EngineSettings(), description="The delivery engine.")
    monitor: MonitorSettings = Field(MonitorSettings(), description="What is watched, and who is told.")
    controller: ControllerSettings = Field(
        ControllerSettings(), description="What is done about it: observe, advise or enforce."
    )
    web: WebSettings = Field(WebSettings(), description="Where other monitors post their alerts.")
    logging: LoggingSettings = Field(LoggingSettings(), description="The log.")
    clock: ClockSettings = Field(ClockSettings(), description="The clock; for rehearsals only.")

    @property
    def protected_ips(self) -> frozenset[IpAddress]:
        """The source IPs that a protected VirtualMTA uses, whoever else uses them."""
        return addresses_of(self.engine, self.controller.protected_virtual_mtas)

    @property
    def source_ips(self) -> list[SourceIp]:
        """Every source IP of every list, in the order of the file."""
        return [source for listed in self.ip_lists.values() for source in listed]


def addresses_of(engine: EngineSettings, virtual_mtas: Iterable[str]) -> frozenset[IpAddress]:
    """The source IPs of some VirtualMTAs; of a name that does not exist, none."""
    named = (engine.virtual_mtas[name] for name in virtual_mtas if name in engine.virtual_mtas)
    return frozenset(source.address for vmta in named for source in vmta.source_ips)
