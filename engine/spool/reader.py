"""Reads records back by their place, and checks them."""

import logging
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.errors import SpoolError
from engine.spool import records, scan
from engine.spool.base import MessageDamaged, format_id
from engine.spool.files import Files
from engine.spool.index import Index
from engine.spool.places import Place
from engine.spool.records import Record, segment_name
from engine.spool.scan import Window

log = logging.getLogger(__name__)

_MOST_OPEN = 64


class Reader:
    """Keeps a few segments open. For one thread."""

    def __init__(self, files: Files, directory: Path, marker: bytes) -> None:
        self._files = files
        self._directory = directory
        self._marker = marker
        self._open: dict[int, int] = {}

    def read(self, message_id: int, place: Place) -> tuple[bytes, bytes]:
        """Head and content. Raises MessageDamaged, SpoolError."""
        try:
            data = self._files.pread(self._fd(place.sequence), place.size, place.offset)
        except OSError as error:
            raise SpoolError(f"Message {format_id(message_id)} cannot be read: {error.strerror}") from error
        record = records.decode_record(data, 0, place.offset, self._marker)
        if record is not None and record.size == len(data):
            body = data[record.body_offset - record.offset :]
            if zlib.crc32(body) == record.body_crc:
                return record.head, body
        raise MessageDamaged(f"Message {format_id(message_id)} is damaged on the disk")

    def heads(self, message_ids: Iterable[int], index: Index) -> Iterator[tuple[int, Record]]:
        """The heads of those that are still there, read ahead where they lie in a row.

        Damage since the start is logged and left out. Keeps a descriptor of its own: meanwhile others may be
        read and segments go. Raises OSError.
        """
        window, current, fd = None, -1, -1
        try:
            for message_id in message_ids:
                place = index.place(message_id)
                if place is None:
                    continue
                if window is None or place.sequence != current:
                    if fd >= 0:
                        self._files.close(fd)
                    fd = self._fresh(place.sequence)
                    window, current = Window(self._files, fd, self._files.size(fd)), place.sequence
                record = scan.read_record(window, self._marker, place.offset)
                if record is None:
                    _log_damage(message_id)
                    continue
                yield message_id, record
        finally:
            if fd >= 0:
                self._files.close(fd)

    def forget(self, sequence: int) -> None:
        """The segment is about to go."""
        fd = self._open.pop(sequence, None)
        if fd is not None:
            self._files.close(fd)

    def close(self) -> None:
        for sequence in list(self._open):
            self.forget(sequence)

    def _fd(self, sequence: int) -> int:
        fd = self._open.pop(sequence, None)
        if fd is None:
            if len(self._open) >= _MOST_OPEN:
                self.forget(next(iter(self._open)))
            fd = self._fresh(sequence)
        self._open[sequence] = fd  # last in, last out
        return fd

    def _fresh(self, sequence: int) -> int:
        return self._files.open(self._directory / segment_name(sequence, self._marker))


def _log_damage(message_id: int) -> None:
    log.error("Message %s is damaged on the disk", format_id(message_id), extra={"event": "spool.damaged"})
