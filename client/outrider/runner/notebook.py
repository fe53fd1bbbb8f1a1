"""Runs a notebook from top to bottom, as a process of its own in the image's Python (nbclient, nbformat, a
kernel).

What is finished is on disk: the output notebook is replaced after each cell, so neither a dead kernel nor a
killed job loses more than the cell that ran. What cells print goes to stdout as it comes; progress goes to
the runner."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, NoReturn, Optional

from . import parameters

_FAILED = 1
_STOPPED = 143
_STARTUP_S = 120
_INTERRUPT_S = 5.0
_ERROR_MARK = "outrider-error"
_RECORDS_FD = "OUTRIDER_RECORDS_FD"


class NotebookError(Exception):
    """Its text is a sentence for the user."""


def main() -> NoReturn:
    told: Dict[str, Any] = json.loads(sys.argv[1])
    records = int(os.environ.pop(_RECORDS_FD, "-1"))
    if records >= 0:
        os.set_inheritable(records, False)
    try:
        try:
            import nbclient  # noqa: F401
            import nbformat  # noqa: F401
        except ImportError as error:
            raise NotebookError(
                f"The image cannot run notebooks: {error}. Install nbclient and ipykernel in it."
            ) from error
        code = asyncio.run(_run(told, records))
    except (NotebookError, parameters.ParameterError) as error:
        _say(str(error))
        code = _FAILED
    sys.stdout.flush()
    os._exit(code)


def _say(sentence: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(f"[outrider] {sentence}\n")
    sys.stderr.flush()


async def _run(told: Dict[str, Any], records: int) -> int:
    source = Path(told["notebook"])
    notebook = _read(source)
    language = _language(notebook)
    target = Path(told["artifacts_dir"]) / (source.stem + ".ipynb")
    _inject(notebook, told["params"], language)
    execution = Execution(notebook, target, records)
    execution.save()
    return await execution.run(_kernel(notebook, language), language, str(source.resolve().parent))


def _read(source: Path) -> Any:
    import nbformat

    try:
        with source.open(encoding="utf-8") as file:
            return nbformat.read(file, as_version=4)
    except FileNotFoundError as error:
        raise NotebookError(f"There is no notebook {source} in the workspace.") from error
    except Exception as error:  # whatever its library says about a file that is none
        raise NotebookError(f"{source} is not a readable notebook: {error}") from error


def _language(notebook: Any) -> str:
    metadata = notebook.metadata
    named = metadata.get("kernelspec", {}).get("language") or metadata.get("language_info", {}).get("name")
    return str(named or "python")


def _kernel(notebook: Any, language: str) -> str:
    """The kernel that the notebook names if the image has it, else the one of the environment's own
    Python."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    manager = KernelSpecManager()
    named = notebook.metadata.get("kernelspec", {}).get("name")
    for name in (named, "python3"):
        if name and (name == named or language.lower() == "python"):
            with contextlib.suppress(NoSuchKernel):
                manager.get_kernel_spec(name)
                return str(name)
    if language.lower() != "python":
        raise NotebookError(f"The image has no kernel {named!r} for this notebook's language, {language}.")
    raise NotebookError("The image has no Python kernel: install ipykernel in it.")


def _inject(notebook: Any, params: Dict[str, Any], language: str) -> None:
    from nbformat import v4

    def new_cell(text: str) -> Any:
        cell = v4.new_code_cell(source=text)
        if (notebook.nbformat, notebook.nbformat_minor) < (4, 5):
            cell.pop("id", None)
        return cell

    cells = [cell for cell in notebook.cells if _ERROR_MARK not in parameters.tags(cell)]
    notebook.cells = parameters.inject(cells, params, language, new_cell)


class Execution:
    """One run through the cells of a notebook."""

    def __init__(self, notebook: Any, target: Path, records: int) -> None:
        self._notebook = notebook
        self._target = target
        self._records = records
        self._client: Any = None
        self._stopping = False
        self._stops: List[Any] = []  # tasks live only as long as somebody holds them
        self._unsaved: Optional[str] = None

    async def run(self, kernel: str, language: str, folder: str) -> int:
        self._client = _client(self._notebook, kernel, language, folder)
        loop = asyncio.get_running_loop()
        cells = self._notebook.cells
        total = sum(1 for cell in cells if _runs(cell))
        for cell in cells:
            if _runs(cell):
                cell.outputs, cell.execution_count = [], None
        task = loop.create_task(self._execute(cells, total))
        self._stop_on_signals(task)
        try:
            code = await task
        except asyncio.CancelledError:
            code = _STOPPED
        self.save()
        if self._unsaved:
            _say(f"The output notebook {self._target} could not be written: {self._unsaved}.")
            return code or _FAILED
        return code

    async def _execute(self, cells: List[Any], total: int) -> int:
        from nbclient.exceptions import CellExecutionError, DeadKernelError

        done = 0
        self._progress(0, total, None)
        try:
            async with self._client.async_setup_kernel():
                self._stop_on_signals(asyncio.current_task())  # again: nbclient has put its own in their place
                await self._learn_language()
                for index, cell in enumerate(cells):
                    if not _runs(cell):
                        continue
                    self._progress(done, total, f"cell {done + 1} of {total}")
                    try:
                        await self._client.async_execute_cell(cell, index, execution_count=done + 1)
                    except CellExecutionError as error:
                        if self._stopping:
                            return _STOPPED
                        self._mark(index)
                        _say(f"Cell {done + 1} of {total} failed: {error.ename}: {error.evalue}")
                        return _FAILED
                    done += 1
                    self.save()
                    self._progress(done, total, None)
                    if self._stopping:
                        return _STOPPED
        except DeadKernelError:
            if self._stopping:
                return _STOPPED
            _say(
                f"The kernel died in cell {done + 1} of {total}, often because it needed more memory than "
                f"the job has. What was finished is in {self._target}."
            )
            return _FAILED
        except RuntimeError as error:  # the kernel did not answer when it was started
            _say(f"The kernel could not be started: {error}")
            return _FAILED
        return 0

    async def _learn_language(self) -> None:
        from nbclient.util import ensure_async

        asked = await ensure_async(self._client.kc.kernel_info())
        info = await self._client.async_wait_for_reply(asked)
        with contextlib.suppress(KeyError, TypeError):
            self._notebook.metadata["language_info"] = info["content"]["language_info"]

    def _stop_on_signals(self, task: "Optional[asyncio.Task[int]]") -> None:
        assert task is not None
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(signum, lambda: self._stops.append(loop.create_task(self._stop(task))))

    async def _stop(self, task: "asyncio.Task[int]") -> None:
        """Interrupt the cell that runs; if that does not end it, let go of it and keep what there is."""
        if self._stopping:
            return
        self._stopping = True
        if self._client.km is not None:
            with contextlib.suppress(Exception):
                await self._client.km.interrupt_kernel()
        await asyncio.wait([task], timeout=_INTERRUPT_S)
        task.cancel()

    def _mark(self, index: int) -> None:
        """A cell above the one that failed, as papermill leaves one, so that it is found at once."""
        from nbformat import v4

        text = '<span style="color:red">**The cell below failed; the run ended there.**</span>'
        mark = v4.new_markdown_cell(source=text)
        mark.metadata["tags"] = [_ERROR_MARK]
        if (self._notebook.nbformat, self._notebook.nbformat_minor) < (4, 5):
            mark.pop("id", None)
        self._notebook.cells.insert(index, mark)

    def save(self) -> None:
        """Replace the output notebook by what there is now. A full disk must not end a computation."""
        import nbformat

        new = self._target.with_name(f".{self._target.name}.new")
        try:
            self._target.parent.mkdir(parents=True, exist_ok=True)
            with new.open("w", encoding="utf-8") as file:
                nbformat.write(self._notebook, file)
            new.replace(self._target)
            self._unsaved = None
        except OSError as error:
            self._unsaved = error.strerror or str(error)
            with contextlib.suppress(OSError):
                new.unlink()

    def _progress(self, done: int, total: int, text: Optional[str]) -> None:
        if self._records >= 0:
            record = {"type": "progress", "done": done, "total": total, "text": text}
            with contextlib.suppress(OSError):
                os.write(self._records, json.dumps(record).encode() + b"\n")


def _runs(cell: Any) -> bool:
    return cell.cell_type == "code" and bool(cell.source.strip())


def _client(notebook: Any, kernel: str, language: str, folder: str) -> Any:
    from nbclient import NotebookClient
    from traitlets.config import Config

    config = Config()
    if language.lower() == "python":
        # Unix sockets instead of ports: out of reach of what else runs on the same loopback. Their paths are
        # limited to 108 bytes, so they get a short directory.
        config.KernelManager.transport = "ipc"
        config.KernelManager.ip = str(Path(tempfile.mkdtemp(prefix="kernel-")) / "k")

    class Client(NotebookClient):
        """Passes on what cells print, while they print it."""

        def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
            _print(msg["msg_type"], msg["content"])
            return super().process_message(msg, cell, cell_index)

    return Client(
        notebook,
        timeout=None,
        startup_timeout=_STARTUP_S,
        kernel_name=kernel,
        resources={"metadata": {"path": folder}},
        record_timing=True,
        store_widget_state=False,
        config=config,
    )


def _print(kind: str, content: Any) -> None:
    if kind == "stream":
        text = content.get("text", "")
    elif kind in ("execute_result", "display_data"):
        text = _line(content.get("data", {}).get("text/plain", ""))
    elif kind == "error":
        text = _line("\n".join(content.get("traceback", [])))
    else:
        return
    if text:
        sys.stdout.buffer.write(text.encode("utf-8", "replace"))
        sys.stdout.buffer.flush()


def _line(text: Any) -> str:
    joined = "".join(text) if isinstance(text, list) else str(text)
    return joined if not joined or joined.endswith("\n") else joined + "\n"
