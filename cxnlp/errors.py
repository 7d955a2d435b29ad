"""Every error that cxnlp raises on purpose.

::

    CxnlpError                 base class, so that one ``except`` catches them all
    ├── InputError             the caller's data is not what was asked for (also a ValueError)
    │   ├── RecordError        one labelled record: a field is missing or wrong
    │   ├── TableError         a file or table: no such column, unreadable, unknown ending
    │   └── LabelError         a label that the taxonomy does not know
    ├── BundleError            a model folder is missing, altered, unknown or unreadable
    ├── MissingExtraError      an optional dependency is not installed (also an ImportError)
    └── TrainingError          training, the gate or the registry cannot go on
"""

from __future__ import annotations


class CxnlpError(Exception):
    """Base class of every error that cxnlp raises on purpose."""


class InputError(CxnlpError, ValueError):
    """The data given is not what was asked for."""


class RecordError(InputError):
    """A labelled record has a missing or wrong field."""


class TableError(InputError):
    """A file or table cannot be read as messages."""


class LabelError(InputError):
    """A label that the taxonomy does not know."""


class BundleError(CxnlpError):
    """A model folder is missing, altered, of an unknown format or unreadable."""


class MissingExtraError(CxnlpError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed. "
            f'Install it with: pip install "cxnlp[{extra}]"'
        )
        self.package = package
        self.extra = extra
        self.purpose = purpose

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str, str]]:
        # A worker process sends it to the one that asked.
        return MissingExtraError, (self.package, self.extra, self.purpose)


class TrainingError(CxnlpError):
    """Training, the gate or the registry cannot go on."""
