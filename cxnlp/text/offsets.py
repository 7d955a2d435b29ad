"""Edit a text step by step and keep the way back to the original.

A `Rewriter` applies sets of edits one after the other. Each set is kept as the few segments
that changed, not as an array of positions, so a text that needs no edit costs nothing and
positions are worked out only when somebody asks for them.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Edit = tuple[int, int, str]
"""Replace ``text[start:end]`` by a string: (start, end, replacement)."""

Stage = tuple[tuple[int, int, int, int], ...]
"""Changed segments, in order: (start after, end after, start before, end before)."""


@dataclass(slots=True)
class OffsetMap:
    """The way from spans of a rewritten text back to spans of the original.

    A span that touches a replaced segment covers all of what the segment replaced; text that
    was deleted belongs to no span unless there are kept characters on both sides of it.
    """

    stages: tuple[Stage, ...] = ()

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Map the half-open span [start, end) of the rewritten text to one of the original."""
        if end <= start:
            point = self._start(start)
            return point, point
        return self._start(start), self._end(end)

    def _start(self, position: int) -> int:
        for stage in reversed(self.stages):
            at = bisect_right(stage, (position, float("inf"))) - 1
            if at >= 0:
                _, new_end, old_start, old_end = stage[at]
                position = old_start if position < new_end else old_end + position - new_end
        return position

    def _end(self, position: int) -> int:
        for stage in reversed(self.stages):
            at = bisect_left(stage, (position,)) - 1
            if at >= 0:
                _, new_end, _, old_end = stage[at]
                position = old_end if position <= new_end else old_end + position - new_end
        return position


class Rewriter:
    """A text under edit, with the stages that lead back to what it was."""

    __slots__ = ("_stages", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._stages: list[Stage] = []

    @property
    def offsets(self) -> OffsetMap:
        """The way back to the text that was given."""
        return OffsetMap(tuple(self._stages))

    def apply(self, edits: Iterable[Edit]) -> None:
        """Apply edits that are in order and do not overlap."""
        text, parts, stage = self.text, [], []
        old = new = 0
        for start, end, replacement in edits:
            parts.append(text[old:start])
            new += start - old
            parts.append(replacement)
            stage.append((new, new + len(replacement), start, end))
            new += len(replacement)
            old = end
        if stage:
            parts.append(text[old:])
            self.text = "".join(parts)
            self._stages.append(tuple(stage))

    def sub(self, pattern: re.Pattern[str], replacement: str | Callable[..., str]) -> None:
        """Replace every match; a callable gets the match and gives the new text."""
        text = self.text
        edits = [
            (m.start(), m.end(), replacement if isinstance(replacement, str) else replacement(m))
            for m in pattern.finditer(text)
        ]
        self.apply([edit for edit in edits if text[edit[0] : edit[1]] != edit[2]])
