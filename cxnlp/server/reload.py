"""The model that answers, swapped when its folder gets another one."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cxnlp.bundle import MANIFEST
from cxnlp.classifier import _CHAMPIONS, CHAMPION, Classifier, load

_PROFILES = 32  # recall promises kept ready


@dataclass(frozen=True)
class Loaded:
    """A model, and the digest of the manifest that it was read under."""

    classifier: Classifier
    digest: str
    _profiles: dict[float, Classifier] = field(default_factory=dict)

    def at(self, recall: float) -> Classifier:
        """The model with thresholds that promise a recall; with its own for 0.

        Raises
        ------
        InputError
            If ``recall`` is out of range or cannot be promised.
        """
        if not recall:
            return self.classifier
        if recall not in self._profiles:
            made = self.classifier.with_promise(recall=recall)
            if len(self._profiles) >= _PROFILES:
                self._profiles.clear()
            self._profiles[recall] = made
        return self._profiles[recall]


class Models:
    """Holds the model; `current` is replaced as a whole, so a reader sees one or the other.

    Parameters
    ----------
    source
        What `cxnlp.load` takes; empty for the champion. A model of MLflow is loaded once and
        not watched.
    on_event
        Called with ``loaded`` or ``failed`` and what there is to say about it.
    """

    def __init__(self, source: str, on_event: Callable[[str, str], None]) -> None:
        self._source = source
        self._on_event = on_event
        self.current: Loaded | None = None
        self.error: str | None = None

    def check(self) -> None:
        """Load what is in the folder if it is not what is loaded.

        A model that cannot be loaded leaves the old one; `error` then says why, until the
        folder is sound again. It is tried anew at every check.
        """
        try:
            digest = self._digest()
            if self.current is not None and digest == self.current.digest:
                self.error = None
                return
            loaded = Loaded(load(self._source or None), digest)
            loaded.classifier.try_out()  # now, while the old one serves
        except Exception as error:  # whatever it is, the watch must go on
            if self.error != str(error):
                self.error = str(error)
                self._on_event("failed", str(error))
            return
        self.current, self.error = loaded, None
        self._on_event("loaded", f"{loaded.classifier.name} {loaded.classifier.version}")

    async def watch(self, seconds: float) -> None:
        """Check for ever, in a thread of its own each time."""
        while True:
            await asyncio.sleep(seconds)
            await asyncio.to_thread(self.check)

    def _digest(self) -> str:
        """Digest of the manifest; the same text each time for what is no folder."""
        if self._source.startswith(("models:/", "runs:/")):
            return self._source
        if self._source in CHAMPION:
            folder = next((f for f in _CHAMPIONS if f.is_dir()), None)
        else:
            folder = Path(self._source)
        # load() says best what is wrong with a folder that is not there.
        manifest = folder / MANIFEST if folder else None
        if manifest is None or not manifest.is_file():
            return ""
        return hashlib.sha256(manifest.read_bytes()).hexdigest()
