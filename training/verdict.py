"""What the gate decides: an outcome, and every check with its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["promote", "keep", "reproduced", "refused"]


@dataclass(frozen=True)
class Check:
    """One thing looked at: whether it is well, in words with numbers, and the numbers."""

    name: str
    passed: bool
    detail: str
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What the gate decides, and why.

    Attributes
    ----------
    outcome
        ``promote``: the challenger takes over. ``keep``: it is sound, but not better than the
        champion. ``reproduced``: it is the champion, trained again. ``refused``: it fails a
        check.
    challenger, champion
        Versions; no champion for the first one.
    checks
        Everything that was looked at.
    """

    outcome: Outcome
    challenger: str
    champion: str | None
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether the challenger may be (or is) the champion."""
        return self.outcome in ("promote", "reproduced")

    @property
    def sentence(self) -> str:
        """The verdict in one line."""
        against = f"champion {self.champion}" if self.champion else "no champion yet"
        said = {
            "promote": "passes and becomes champion",
            "keep": "is sound, but not better; the champion stays",
            "reproduced": "is the champion, reproduced; nothing to move",
            "refused": "is refused",
        }[self.outcome]
        failed = [check.name for check in self.checks if not check.passed]
        why = f" ({', '.join(failed)})" if self.outcome == "refused" else ""
        return f"Challenger {self.challenger} {said}{why}; against {against}."

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "outcome": self.outcome,
            "passed": self.passed,
            "challenger": self.challenger,
            "champion": self.champion,
            "checks": [
                {
                    "name": check.name,
                    "passed": check.passed,
                    "detail": check.detail,
                    "figures": dict(check.figures),
                }
                for check in self.checks
            ],
        }

    def to_markdown(self) -> str:
        """The verdict and a table of its checks."""
        rows = [
            f"| {check.name} | {'yes' if check.passed else '**no**'} | "
            f"{check.detail.replace('|', chr(92) + '|')} |"
            for check in self.checks
        ]
        return "\n".join([self.sentence, "", "| check | passed | |", "|---|---|---|", *rows])
