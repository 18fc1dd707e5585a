"""Files in buckets and other stores that have a URL, by way of fsspec (extra `cluster`)."""

from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cleanplate.errors import InputError, MissingExtraError, OutputError


def is_url(place: str) -> bool:
    """Whether a place has a scheme, like s3://bucket/take.mov, and is no path of this machine."""
    return "://" in place


def list_urls(pattern: str) -> list[str]:
    """URLs that fit a pattern (s3://bucket/takes/*.mov), sorted. Raises InputError for none."""
    store, path = _store(pattern)
    try:
        found = sorted(store.unstrip_protocol(name) for name in store.glob(path))
    except Exception as problem:  # each store has errors of its own
        raise InputError(f"{pattern} cannot be listed ({problem}).") from problem
    if not found:
        raise InputError(f"Nothing is there that fits {pattern}.")
    return found


def is_there(url: str) -> bool:
    """Whether a file is there already.

    Raises OutputError where its store does not answer or has no such bucket.
    """
    store, path = _store(url)
    try:
        _refuse_no_bucket(store, path)
        return bool(store.exists(path))
    except Exception as problem:
        raise OutputError(f"{url} cannot be looked for ({problem}).") from problem


def fetch(url: str, folder: Path) -> Path:
    """Copy a file into a folder of this machine, under its own name. Raises InputError."""
    store, path = _store(url)
    local = folder / url.rsplit("/", 1)[1]
    try:
        store.get_file(path, str(local))
    except Exception as problem:
        raise InputError(f"{url} cannot be fetched ({problem}).") from problem
    return local


def deliver(local: Path, url: str) -> None:
    """Copy a file to its URL: under another name first, so that half a file never has this one.

    Raises OutputError.
    """
    store, path = _store(url)
    part = f"{path}.part"
    try:
        _refuse_no_bucket(store, path)
        store.makedirs(store._parent(path), exist_ok=True)
        store.put_file(str(local), part)
        if store.size(part) != local.stat().st_size:
            raise OSError("it arrived shorter or longer than it was")
        store.mv(part, path)
    except Exception as problem:
        with suppress(Exception):
            store.rm_file(part)
        raise OutputError(f"{url} could not be written ({problem}).") from problem


def _refuse_no_bucket(store: Any, path: str) -> None:
    """Raise OSError for a bucket that is missing: to make folders in it would make it, too."""
    if path.startswith("/"):
        return  # a store with folders
    bucket = path.split("/", 1)[0]
    with suppress(PermissionError):  # who may write need not be allowed to look
        try:
            store.info(bucket)
        except FileNotFoundError as problem:
            raise OSError(f"there is no bucket {bucket}: make it first") from problem


def _store(url: str) -> tuple[Any, str]:
    if find_spec("fsspec") is None:
        raise MissingExtraError(
            f"{url} is in another store, for which fsspec is needed; run: "
            "pip install 'cleanplate[cluster]'"
        )
    import fsspec

    try:
        store, path = fsspec.core.url_to_fs(url)
    except ImportError as problem:  # s3fs, gcsfs and their like come one by one
        raise MissingExtraError(f"{url} cannot be opened: {problem}.") from problem
    except ValueError as problem:
        raise InputError(f"{url} has no scheme that is known ({problem}).") from problem
    return store, path
