"""Whose turn it is: which IPs a list is asked about in this round, and since when everybody was asked.

IPs in trouble come first, then those that send, both in every round; quiet ones come up once per
quiet interval. Where a list's daily allowance is too small for all, whoever waited longest comes first.
Per list and IP it keeps four bytes.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias, overload

from core.address import IpAddress
from monitor.collectors.etiquette import Etiquette, kept_for

_NEVER: Final = 0
_SLACK: Final = 0.85
"""Rounds come with jitter: an IP is due when most of its interval has passed."""


Places: TypeAlias = "array[int]"
"""Whose turn it is, as places in the fleet, four bytes each."""


class Chosen(Sequence[IpAddress]):
    """The IPs at some places of the fleet; a view that costs nothing but the places."""

    def __init__(self, fleet: Sequence[IpAddress], places: Places) -> None:
        self._fleet = fleet
        self.places = places

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, index: int) -> IpAddress: ...

    @overload
    def __getitem__(self, index: slice) -> "Chosen": ...

    def __getitem__(self, index: int | slice) -> "IpAddress | Chosen":
        if isinstance(index, slice):
            return Chosen(self._fleet, self.places[index])
        return self._fleet[self.places[index]]

    def __iter__(self) -> Iterator[IpAddress]:
        fleet = self._fleet
        return (fleet[place] for place in self.places)


@dataclass(frozen=True, slots=True)
class Attention:
    """How closely each IP of the fleet is watched, by its place. None: nobody is known to be quiet."""

    troubled: frozenset[int] = frozenset()
    busy: frozenset[int] | None = None

    def is_quiet(self, place: int) -> bool:
        return self.busy is not None and place not in self.busy and place not in self.troubled


class Rota:
    """One list's turns over one fleet. Moments are kept as whole seconds."""

    def __init__(self, fleet: int, places: Places) -> None:
        """`fleet` is how many IPs there are, `places` which of them the list is about; lists may share it."""
        self._places = places
        self._asked = array("I", bytes(4 * fleet))
        self._keep: dict[int, int] = {}
        self._round_at: datetime | None = None
        self._shaky: frozenset[int] = frozenset()

    def due(
        self,
        etiquette: Etiquette,
        negative_ttl: int | None,
        attention: Attention,
        quiet_interval: timedelta,
        now: datetime,
    ) -> Places:
        """The places that are asked about now, the most urgent first when not all can be."""
        interval = kept_for(etiquette, negative_ttl)
        if self._round_at is not None and now - self._round_at < interval * _SLACK:
            return array("I")
        moment = _seconds(now)
        usual = interval.total_seconds() * _SLACK
        seldom = max(interval, quiet_interval).total_seconds() * _SLACK
        asked, keep = self._asked, self._keep
        found = array(
            "I",
            (
                place
                for place in self._places
                if moment - asked[place] >= (seldom if attention.is_quiet(place) else usual)
                and keep.get(place, 0) <= moment
            ),
        )
        room = etiquette.allowance(interval)
        if len(found) > room:
            waited = sorted(found, key=lambda place: (place not in attention.troubled, asked[place]))
            found = array("I", waited[: int(room)])
        elif len(found) == len(self._places):
            found = self._places
        self._round_at = now
        return found

    def hurry(self) -> None:
        """Let the next round come at once, for those who were not answered."""
        self._round_at = None

    def cleared(self, places: Places, clean: bytes | bytearray, now: datetime) -> None:
        """All those at once whom the list called clean, marked in the order of the places."""
        moment, asked, keep = _seconds(now), self._asked, self._keep
        for place, is_clean in zip(places, clean, strict=False):
            if is_clean:
                asked[place] = moment
                if keep:
                    keep.pop(place, None)

    def answered(self, place: int, now: datetime, keep_seconds: int = 0) -> None:
        """The list said something usable about this IP; it is not asked again for as long as that holds."""
        self._asked[place] = _seconds(now)
        if keep_seconds:
            self._keep[place] = _seconds(now) + keep_seconds
        else:
            self._keep.pop(place, None)

    def persistent(self, unknown: frozenset[int], now: datetime) -> frozenset[int]:
        """Who got no usable answer in two rounds in a row: worth a record, and no more waited for."""
        lasting = unknown & self._shaky
        self._shaky = unknown
        for place in lasting:
            self.answered(place, now)
        return lasting

    @property
    def whole_at(self) -> datetime | None:
        """Every IP was spoken about at this moment or later; None while some have never been."""
        oldest = min((self._asked[place] for place in self._places), default=_NEVER)
        return datetime.fromtimestamp(oldest, UTC) if oldest else None


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
