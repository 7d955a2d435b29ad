"""The command line: ``cxnlp predict``, ``explain``, ``redact``, ``info``, ``labels``, ``serve`` ….

Exit codes: 0 all right; 1 finished, but some rows were bad; 2 wrong use, or input, output or
model that cannot be used; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

DONE, BAD_ROWS, WRONG, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv
        Arguments without the program's name; by default those of the process.
    """
    from cxnlp.errors import CxnlpError

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a character that it lacks must not stop us
            stream.reconfigure(errors="backslashreplace")
    try:
        from cxnlp.cli.parser import parse

        args = parse(sys.argv[1:] if argv is None else argv)
        code: int = args.run(args)
        sys.stdout.flush()
    except SystemExit as stop:  # --help and --version
        return stop.code if isinstance(stop.code, int) else DONE
    except BrokenPipeError:  # whoever read our output has seen enough
        _let_go_of_stdout()
        return DONE
    except KeyboardInterrupt as stop:
        return _say(str(stop) or "Interrupted.", INTERRUPTED)
    except CxnlpError as error:
        return _say(str(error), WRONG)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        return _say(f"{error.strerror or error}{where}. Check the disk and your rights.", WRONG)
    except Exception as error:
        if os.environ.get("CXNLP_DEBUG"):
            raise
        return _say(
            f"This went wrong inside cxnlp and should not: {type(error).__name__}: {error}. Run "
            f"it again with CXNLP_DEBUG=1 to see where, and report it.",
            WRONG,
        )
    return code


def _say(message: str, code: int) -> int:
    print(f"cxnlp: {' '.join(message.split())}", file=sys.stderr)
    return code


def _let_go_of_stdout() -> None:
    """Point standard output at nothing, so that flushing it at exit does not fail again."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # no real file, as under a test
        return
