"""What a server may be told, and the limits that it states and keeps."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from cxnlp.errors import InputError

PREFIX = "CXNLP_"


@dataclass(frozen=True)
class Settings:
    """Settings of a server; each can be given as an environment variable ``CXNLP_<NAME>``.

    Attributes
    ----------
    model
        What `cxnlp.load` takes; empty for the champion.
    api_key
        When set, callers must show it; never logged.
    max_messages
        Messages in one call.
    max_body
        Bytes in the body of one call.
    max_characters
        Characters (code points) in one message.
    max_waiting
        Messages that may wait to be labelled before callers are told to come back.
    max_memory
        Bytes of request bodies held at the same time before callers are told to come back.
    body_seconds
        How long a caller may take to send a body.
    reload_seconds
        How often the model's folder is looked at for a new one.
    stop_seconds
        How long a server that is told to stop may take to finish what is under way.
    """

    model: str = ""
    api_key: str = field(default="", repr=False)
    max_messages: int = 1_000
    max_body: int = 4 * 1024 * 1024
    max_characters: int = 20_000
    max_waiting: int = 20_000
    max_memory: int = 64 * 1024 * 1024
    body_seconds: float = 30.0
    reload_seconds: float = 2.0
    stop_seconds: int = 30

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if not isinstance(value, str) and not value > 0:
                raise InputError(f"{one.name} must be above 0; got {value!r}.")
        for small, large in (("max_messages", "max_waiting"), ("max_body", "max_memory")):
            if getattr(self, large) < getattr(self, small):
                raise InputError(
                    f"{large} ({getattr(self, large):,}) is below {small} "
                    f"({getattr(self, small):,}), so that no such call could ever be taken."
                )

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read settings from environment variables; what is not there keeps its default.

        Raises
        ------
        InputError
            If one is no number where a number is meant, or not above 0.
        """
        env = os.environ if env is None else env
        given: dict[str, Any] = {}
        for one in fields(cls):
            text = env.get(PREFIX + one.name.upper())
            if not text:
                continue
            kind: Any = type(one.default)
            try:
                given[one.name] = kind(text)
            except ValueError:
                raise InputError(
                    f"{PREFIX}{one.name.upper()} must be a number; got {text!r}."
                ) from None
        return cls(**given)

    def to_env(self) -> dict[str, str]:
        """Environment variables from which `from_env` makes the same settings again."""
        return {PREFIX + one.name.upper(): str(getattr(self, one.name)) for one in fields(self)}

    def limits(self) -> dict[str, int]:
        """The limits of a call, as every caller may know them."""
        return {
            "messages_a_call": self.max_messages,
            "bytes_a_body": self.max_body,
            "characters_a_message": self.max_characters,
        }
