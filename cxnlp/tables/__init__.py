"""Files of messages: read them as they are met, and write answers that are never half there."""

from cxnlp.tables.forms import WRITES
from cxnlp.tables.rows import MAX_TEXT, Message, Row
from cxnlp.tables.run import Summary, label_file, redact_file
from cxnlp.tables.table import READS, Table, read_messages
from cxnlp.tables.tasks import redaction

__all__ = [
    "MAX_TEXT",
    "READS",
    "WRITES",
    "Message",
    "Row",
    "Summary",
    "Table",
    "label_file",
    "read_messages",
    "redact_file",
    "redaction",
]
