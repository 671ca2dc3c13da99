"""What a remote reply does beyond its own recipient: the actions of the queue's smtp-pattern-list."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.clock import Clock
from engine.patterns import Pattern, PatternAction, PatternList, Trigger
from engine.queue.conduct import Conduct
from engine.queue.modes import ModeEvent
from engine.queue.queue import Lane, Queue
from engine.smtp.reply import Reply, Speaker


@dataclass(slots=True)
class Reactions:
    """Finds the pattern that a reply matches and carries its actions out."""

    lists: Mapping[str, PatternList]
    conduct: Conduct
    clock: Clock
    _triggers: dict[tuple[str, str], Trigger] = field(default_factory=dict)

    def pattern(self, queue: Queue, reply: Reply) -> Pattern | None:
        """The pattern that acts on this reply: it matches, and its trigger, if it has one, fires."""
        patterns = self.lists.get(queue.settings.smtp_pattern_list or "")
        if patterns is None or reply.is_positive or reply.speaker is not Speaker.PEER:
            return None
        pattern = patterns.match(reply.text, queue.provider or "")
        if pattern is None or pattern.trigger is None:
            return pattern
        key = (queue.name, pattern.text)
        trigger = self._triggers.setdefault(key, Trigger(pattern.trigger))
        return pattern if trigger.hit(self.clock.monotonic_ns()) else None

    def act(self, pattern: Pattern, lane: Lane, reply: Reply, peer: str) -> None:
        """Change mode and disable the source IP; what concerns recipients is the caller's."""
        queue, source = lane.queue, lane.parent.address
        if PatternAction.DISABLE_SOURCE_IP in pattern.actions:
            self.conduct.disable_source(queue, source, pattern.text, reply.text, pattern.reenable_after)
        if PatternAction.BACKOFF in pattern.actions:
            lasts = pattern.backoff_to_normal_after
            cause = self.conduct.cause(queue, pattern.text, reply.text, peer, source, lasts)
            self.conduct.set_mode(queue, ModeEvent.BACKOFF_PATTERN, cause)
        if PatternAction.NORMAL in pattern.actions:
            self.conduct.set_mode(queue, ModeEvent.NORMAL_PATTERN)
