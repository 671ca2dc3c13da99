"""Where messages lie, by id, packed: ids are handed out in a row, so that neighbours share an array.

A message costs 12 bytes in a full page. A page of which little is left becomes a dictionary, some 100 to 200
bytes a message, so that a few stragglers do not hold the room of a thousand.
"""

from array import array
from collections.abc import Iterator
from typing import NamedTuple

_BITS = 10
_PAGE = 1 << _BITS
_PLACE = _PAGE - 1
_CROWDED = _PAGE // 4
_LONELY = _PAGE // 16
_LOW = (1 << 32) - 1


class Place(NamedTuple):
    """Where a MESSAGE record lies: `size` is the whole record's, in bytes. Each fits 32 bits, none is 0."""

    sequence: int
    offset: int
    size: int


class _Few:
    """A page with few messages."""

    __slots__ = ("_packed",)

    def __init__(self) -> None:
        self._packed: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._packed)

    def __contains__(self, key: int) -> bool:
        return key in self._packed

    def get(self, key: int) -> Place | None:
        packed = self._packed.get(key)
        return None if packed is None else _unpack(packed)

    def put(self, key: int, place: Place) -> Place | None:
        old = self._packed.get(key)
        self._packed[key] = (place.sequence << 32 | place.offset) << 32 | place.size
        return None if old is None else _unpack(old)

    def pop(self, key: int) -> Place | None:
        old = self._packed.pop(key, None)
        return None if old is None else _unpack(old)

    def keys(self) -> list[int]:
        return sorted(self._packed)


class _Many:
    """A page with many: three cells each, a sequence of 0 where there is none."""

    __slots__ = ("_cells", "_count")

    def __init__(self) -> None:
        self._cells = array("I", bytes(_PAGE * 3 * array("I").itemsize))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, key: int) -> bool:
        return self._cells[key * 3] != 0

    def get(self, key: int) -> Place | None:
        key *= 3
        sequence, offset, size = self._cells[key : key + 3]
        return Place(sequence, offset, size) if sequence else None

    def put(self, key: int, place: Place) -> Place | None:
        old = self.get(key)
        self._count += old is None
        cells, key = self._cells, key * 3
        cells[key], cells[key + 1], cells[key + 2] = place
        return old

    def pop(self, key: int) -> Place | None:
        old = self.get(key)
        if old is not None:
            self._cells[key * 3] = 0
            self._count -= 1
        return old

    def keys(self) -> list[int]:
        return [key for key, sequence in enumerate(self._cells[::3]) if sequence]


class Places:
    """A place for each of many message ids."""

    def __init__(self) -> None:
        self._pages: dict[int, _Few | _Many] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, message_id: int) -> bool:
        page = self._pages.get(message_id >> _BITS)
        return page is not None and message_id & _PLACE in page

    def __iter__(self) -> Iterator[int]:
        """Ids in order, as far as they are known now and still there when their turn comes."""
        numbers = sorted(self._pages)
        last = (numbers[-1] << _BITS | self._pages[numbers[-1]].keys()[-1]) if numbers else -1
        return self._ids(numbers, last)

    def get(self, message_id: int) -> Place | None:
        page = self._pages.get(message_id >> _BITS)
        return None if page is None else page.get(message_id & _PLACE)

    def put(self, message_id: int, place: Place) -> Place | None:
        """Keep the place; the one before it, if there was one."""
        number = message_id >> _BITS
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = _Few()
        old = page.put(message_id & _PLACE, place)
        if old is None:
            self._count += 1
            if len(page) >= _CROWDED and isinstance(page, _Few):
                self._pages[number] = _moved(page, _Many())
        return old

    def pop(self, message_id: int) -> Place | None:
        """Forget the place, if there was one, and say which."""
        number = message_id >> _BITS
        page = self._pages.get(number)
        old = None if page is None else page.pop(message_id & _PLACE)
        if page is None or old is None:
            return None
        self._count -= 1
        if not page:
            del self._pages[number]
        elif len(page) <= _LONELY and isinstance(page, _Many):
            self._pages[number] = _moved(page, _Few())
        return old

    def _ids(self, numbers: list[int], last: int) -> Iterator[int]:
        for number in numbers:
            page = self._pages.get(number)
            for key in page.keys() if page is not None else ():
                if number << _BITS | key <= last:
                    yield number << _BITS | key


def _moved(page: _Few | _Many, into: _Few | _Many) -> _Few | _Many:
    for key in page.keys():  # noqa: SIM118 - in order, and a page is no mapping
        place = page.get(key)
        if place is not None:
            into.put(key, place)
    return into


def _unpack(packed: int) -> Place:
    return Place(packed >> 64, packed >> 32 & _LOW, packed & _LOW)
