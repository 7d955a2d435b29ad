"""Execute the notebooks and write their outputs in place: ``python -m training.notebooks``.

The result depends on the code, the corpus and the champion alone: no times, no machine, no
versions are kept, and cells have steady ids, so that a rerun without a change changes nothing.
"""

from __future__ import annotations

import ast
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cxnlp.errors import MissingExtraError, TrainingError

FOLDER = Path(__file__).parent.parent / "notebooks"
MOST_CELLS = 14
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
_DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_MACHINE = re.compile(r"(?<![\w.:/<])/[\w.-]+/[\w.-]+|[A-Z]:\\")


def _nbformat() -> Any:
    try:
        import nbformat
    except ImportError as error:
        raise MissingExtraError("nbformat", "dev", "Running the notebooks") from error
    return nbformat


def paths(folder: Path = FOLDER) -> list[Path]:
    """The notebooks of a folder, in order."""
    return sorted(folder.glob("*.ipynb"))


def read(path: Path) -> Any:
    """A notebook as it is on disk.

    Raises
    ------
    TrainingError
        If it cannot be read.
    """
    try:
        return _nbformat().read(path, as_version=4)
    except (OSError, ValueError) as error:
        raise TrainingError(f"Cannot read {path.name} as a notebook: {error}.") from error


def execute(path: Path, *, timeout: int = 300) -> Any:
    """A notebook with fresh outputs, run in its own folder and cleaned of all that is not content.

    Parameters
    ----------
    path
        The notebook; it is left as it is.
    timeout
        Seconds that one cell may take.

    Raises
    ------
    TrainingError
        If a cell fails; the message names the cell and its error.
    """
    try:
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    except ImportError as error:
        raise MissingExtraError("nbclient", "dev", "Running the notebooks") from error

    notebook = cleaned(read(path))
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    # What Jupyter and IPython keep would otherwise go into the home folder.
    with tempfile.TemporaryDirectory() as scratch:
        manager = client.create_kernel_manager()
        manager.connection_file = f"{scratch}/kernel.json"
        if os.name == "posix":
            manager.transport = "ipc"  # sockets in that folder, nothing on the network
        try:
            client.execute(env={**os.environ, "IPYTHONDIR": scratch})
        except CellExecutionError as error:
            [cell] = [c for c in notebook.cells if any(map(_is_error, c.get("outputs", [])))]
            raise TrainingError(
                f"{path.name} fails in {cell.id}: {error.ename}: {error.evalue}"
            ) from error
        except (CellTimeoutError, DeadKernelError) as error:
            raise TrainingError(f"{path.name} fails: {error}") from error
    return cleaned(notebook)


def cleaned(notebook: Any) -> Any:
    """A notebook without execution metadata, with steady ids and joined streams."""
    notebook.metadata = _nbformat().from_dict(_METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number:02d}"
        cell.metadata = {}
        for output in cell.get("outputs", []):
            if "metadata" in output:
                output.metadata = {}
    return notebook


def faults(notebook: Any) -> list[str]:
    """What is against the rules: too many cells, definitions, errors or traces of a machine."""
    found = []
    if len(notebook.cells) > MOST_CELLS:
        found.append(f"{len(notebook.cells)} cells; at most {MOST_CELLS} fit a sitting")
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        try:
            tree = ast.parse(cell.source)
        except SyntaxError as error:
            found.append(f"{cell.id} is no plain Python: {error.msg}")
            continue
        if any(isinstance(node, _DEFINES) for node in ast.walk(tree)):
            found.append(f"{cell.id} defines something; move it into a module and test it there")
        for output in cell.outputs:
            if _is_error(output):
                found.append(f"{cell.id} shows the error {output.ename}")
            if output.get("name") == "stderr":
                found.append(f"{cell.id} prints to standard error: {output.text.strip()[:80]}")
        found += [
            f"{cell.id} shows a path of a machine: {text[max(0, m.start() - 20) : m.end() + 20]!r}"
            for text in _texts(cell)
            if (m := _MACHINE.search(text))
        ]
    return found


def _is_error(output: Any) -> bool:
    return bool(output.output_type == "error")


def _texts(cell: Any) -> Iterator[str]:
    """What a cell shows as text."""
    for output in cell.outputs:
        yield output.get("text", "")
        yield from (
            text for kind, text in output.get("data", {}).items() if kind.startswith("text/")
        )


def main(arguments: Sequence[str]) -> int:
    """Execute all notebooks, or those named, and write them in place."""
    chosen = [Path(a) for a in arguments] or paths()
    for path in chosen:
        sys.stdout.write(f"{path.name} … ")
        sys.stdout.flush()
        notebook = execute(path)
        if problems := faults(notebook):
            raise TrainingError(f"{path.name} is not written: {'; '.join(problems)}.")
        before = path.read_bytes()
        _nbformat().write(notebook, path)
        same = path.read_bytes() == before
        sys.stdout.write(
            f"{'as it was' if same else 'written'}, {path.stat().st_size / 1e3:.0f} kB\n"
        )
    return 0


if __name__ == "__main__":
    from cxnlp.errors import CxnlpError

    try:
        sys.exit(main(sys.argv[1:]))
    except CxnlpError as error:
        sys.exit(f"error: {error}")
