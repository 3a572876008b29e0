"""Folders that fill up and cannot be written any more, in whichever way this machine allows."""

from __future__ import annotations

import logging
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .roads import run

LOG = logging.getLogger("test")


@contextmanager
def small_disk(folder: Path, nbytes: int) -> Iterator[bool]:
    """A file system of its own in a folder, if this process may mount one: gives whether it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        run("mount", "-t", "tmpfs", "-o", f"size={nbytes}", "nifsdc", str(folder))
    except OSError as error:
        LOG.warning("no disk of its own for %s, which is therefore not filled up: %s", folder, error)
        yield False
        return
    try:
        yield True
    finally:
        run("umount", "--lazy", str(folder))


@contextmanager
def filled(disk: Path, leaving: int) -> Iterator[None]:
    """So much of a disk taken that few bytes are left."""
    space = os.statvfs(disk)
    ballast = disk / ".ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, space.f_bavail * space.f_frsize - leaving))
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def short_files(process: int, nbytes: int) -> Iterator[None]:
    """No file of a process grows beyond so many bytes: what it writes fails in the middle."""
    before = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (nbytes, before[1]))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, before)


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """A folder that takes nothing: read-only, or something else in its place."""
    with _read_only(folder) as done:
        if done:
            yield
        else:
            with _replaced(folder):
                yield


@contextmanager
def _read_only(folder: Path) -> Iterator[bool]:
    # Made read-only where nobody writes, and then put over the folder: one that is written to would be busy.
    other = folder.with_name(f".{folder.name}.read-only")
    other.mkdir()
    try:
        with _mounted(str(folder), other) as bound:
            if not bound:
                yield False
                return
            run("mount", "-o", "remount,bind,ro", str(other))
            with _mounted(str(other), folder) as done:
                yield done
    finally:
        other.rmdir()


@contextmanager
def _mounted(what: str, where: Path) -> Iterator[bool]:
    try:
        run("mount", "--bind", what, str(where))
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        run("umount", "--lazy", str(where))


@contextmanager
def _replaced(folder: Path) -> Iterator[None]:
    aside = folder.with_name(f".{folder.name}.aside")
    folder.rename(aside)
    folder.write_text("something else")
    try:
        yield
    finally:
        folder.unlink()
        aside.rename(folder)
