"""``cxnlp serve``: answer over HTTP, with a page for people."""

from __future__ import annotations

import argparse
from dataclasses import replace

from cxnlp.cli.options import add_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--host", default="127.0.0.1", help="where to listen (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=int, default=8000, help="0 takes a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--workers", metavar="N", type=int, default=1, help="processes (default: %(default)s)"
    )
    add_model(parser)
    parser.set_defaults(run=run, command="serve")
    parser.epilog = (
        "  cxnlp serve --host 0.0.0.0 --port 8080 --workers 4\n\n"
        "Needs the extra 'serve'. Set CXNLP_API_KEY to ask callers for a key. Limits:\n"
        "CXNLP_MAX_MESSAGES, CXNLP_MAX_BODY (bytes), CXNLP_MAX_CHARACTERS a message. A new model\n"
        "in the model's folder is taken up without a restart."
    )


def run(args: argparse.Namespace) -> int:
    """Do it."""
    from cxnlp.server.run import serve
    from cxnlp.server.settings import Settings

    settings = Settings.from_env()
    if args.model:
        settings = replace(settings, model=args.model)
    serve(settings, host=args.host, port=args.port, workers=args.workers)
    return 0
