"""Image files decoded ahead by other processes, in the order asked for, with the same pixels.

Pillow holds Python's lock while it decodes, so threads would not help. A worker is `python -m
genmetrics.sources.workers`: it is sent the source, then lists of rows, and answers each list with the images. It
decodes the next list while the last answer waits to be taken, and ends when its input does, so that none outlives the
run, however that ends.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle, islice
from typing import Any, BinaryIO

import numpy as np

from genmetrics._checks import DataError
from genmetrics.sources.image_set import Pixels

WAITING = 2  # lists of rows that a worker has been sent and not yet answered
PIPE_BYTES = 1 << 20


def decoded_ahead(pixels: Pixels, rows: Iterable[int], workers: int, ahead: int) -> Iterator[np.ndarray]:
    """The images at `rows`, in their order.

    Args:
        pixels: the source; it can be pickled.
        rows: asked for as they are needed, up to WAITING * workers * ahead of them early.
        workers: how many processes.
        ahead: images that each decodes at a time.

    Raises:
        DataError: as `pixels.stream`, in place of the first image of its list; or a worker was killed.
    """
    rows = iter(rows)
    with started(pixels, workers) as pool:
        turns, waiting = cycle(pool), deque[subprocess.Popen[bytes]]()
        while True:
            while len(waiting) < WAITING * workers and (some := list(islice(rows, ahead))):
                worker = next(turns)
                send(worker, some)
                waiting.append(worker)
            if not waiting:
                return
            yield from answer(waiting.popleft())


@contextmanager
def started(pixels: Pixels, workers: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Worker processes that know the source; all are gone afterwards."""
    paths = os.pathsep.join(path for path in sys.path if path)
    pool = [
        subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths},
            start_new_session=True,  # Ctrl-C is for this process; the workers end with it
        )
        for _ in range(workers)
    ]
    try:
        for worker in pool:
            widen(worker.stdout)
            send(worker, pixels)
        yield pool
    finally:
        for worker in pool:
            worker.kill()
            worker.wait()
            for pipe in (worker.stdin, worker.stdout):
                with_nothing_left(pipe)


def send(worker: subprocess.Popen[bytes], what: Any) -> None:
    """Give a worker something; if it is no more, its missing answer will tell."""
    assert worker.stdin is not None
    try:
        pickle.dump(what, worker.stdin, pickle.HIGHEST_PROTOCOL)
        worker.stdin.flush()
    except BrokenPipeError:
        pass


def answer(worker: subprocess.Popen[bytes]) -> list[np.ndarray]:
    """The images of the list that a worker was sent longest ago.

    Raises:
        DataError: it found that they cannot be used, or it is no more.
    """
    assert worker.stdout is not None
    try:
        images = pickle.load(worker.stdout)
    except (EOFError, pickle.UnpicklingError):
        raise DataError(
            f"a process that decodes images ended with status {worker.wait()}; if memory ran out, take fewer --workers"
        ) from None
    if isinstance(images, str):
        raise DataError(images)
    return images


def widen(pipe: Any) -> None:
    """Room for more in a pipe, where the system gives it."""
    try:
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except (ImportError, AttributeError, OSError):
        pass


def with_nothing_left(pipe: Any) -> None:
    """Close a pipe, whatever is still in it."""
    with suppress(OSError):
        pipe.close()


def lists_of_rows(source: BinaryIO) -> Iterator[list[int]]:
    """What a worker is sent, until the other end closes."""
    while True:
        try:
            yield pickle.load(source)
        except EOFError:
            return


def main() -> None:
    """Work until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints does not print among the answers
    pixels: Pixels = pickle.load(source)
    asked: deque[int] = deque()
    images = pixels.stream(iter(asked.popleft, None))  # one stream, so that an archive is opened once
    for rows in lists_of_rows(source):
        asked.extend(rows)
        try:
            found: Any = [next(images) for _ in rows]
        except DataError as error:
            found = str(error)
        try:
            pickle.dump(found, sink, pickle.HIGHEST_PROTOCOL)
            sink.flush()
        except BrokenPipeError:
            return
        if isinstance(found, str):
            return


if __name__ == "__main__":
    main()
