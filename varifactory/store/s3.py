"""An S3-compatible bucket as storage, through s3fs.

The endpoint and the credentials come from the usual ``AWS_*`` variables, files or role. Neither is
kept in the backend, so nothing secret can leak by a pickle, a repr or an error.
"""

import hashlib
import mimetypes
import os
import random
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from varifactory.store import backend
from varifactory.store.backend import Entry, unsafe_allowed
from varifactory.store.errors import (
    StoreDenied,
    StoreError,
    StoreMissing,
    StoreUnreachable,
    StoreUnsafe,
)
from varifactory.store.patience import patient

# Three tries of two seconds each: a dead endpoint is told within a few seconds, and a busy server
# (500, 503) is still tried again by botocore. s3fs would multiply that by its own five.
_CONFIG = {
    "connect_timeout": 2,
    "read_timeout": 60,
    "retries": {"total_max_attempts": 3, "mode": "standard"},
    "max_pool_connections": 16,
}
_CONFLICT_TRIES = 5
_TAKEN = {"PreconditionFailed", "412"}
_CONFLICT = {"ConditionalRequestConflict", "OperationAborted", "409"}
_UNKNOWN_VERB = {"NotImplemented", "501"}
_DENIED = {
    "AccessDenied",
    "AllAccessDisabled",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "401",
    "403",
}
_PASSING = {"500", "502", "503", "504", "InternalError", "ServiceUnavailable", "SlowDown",
            "RequestTimeout"}  # fmt: skip
"""What a server answers that is likely to answer otherwise soon."""
_NO_LOGIN = {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"}
_TORN = {"ClientPayloadError", "IncompleteReadError", "ResponseStreamingError", "IncompleteRead"}


@lru_cache(maxsize=8)
def _file_system(pid: int, login: str) -> Any:
    """One connection pool a process and login: s3fs does not survive a fork."""
    import s3fs

    file_system = s3fs.S3FileSystem(
        use_listings_cache=False,  # its cache answers wrongly after another process wrote
        skip_instance_cache=True,  # an inherited instance is not fork-safe
        config_kwargs=_CONFIG,
    )
    file_system.retries = 1
    return file_system


class S3Backend:
    """Objects below ``prefix`` of a bucket."""

    remote = True

    def __init__(self, bucket: str, prefix: str) -> None:
        if not bucket:
            raise StoreError("the store's URL names no bucket: give s3://bucket/prefix")
        self.bucket = bucket
        self.prefix = f"{prefix}/" if prefix else ""

    @property
    def server(self) -> str:
        """A digest of what decides endpoint and credentials, so that a change opens a new pool."""
        chosen = sorted((k, v) for k, v in os.environ.items() if k.startswith("AWS_"))
        return hashlib.sha256(repr(chosen).encode()).hexdigest()

    @property
    def _files(self) -> Any:
        return _file_system(os.getpid(), self.server)

    def _full(self, path: str) -> str:
        return f"{self.bucket}/{self.prefix}{path}"

    @patient
    def _call(self, /, verb: str, path: str, **more: Any) -> Any:
        try:
            return self._files.call_s3(
                verb, Bucket=self.bucket, **({"Key": self.prefix + path} if path else {}), **more
            )
        except Exception as error:
            raise self._explained(error, path) from None

    @patient
    def read(self, path: str, limit: int | None = None) -> bytes:
        span = {} if limit is None else {"start": 0, "end": limit + 1}
        for last in (False, True):
            try:
                # One at a time: with more, s3fs asks for the size first, a second request.
                data: bytes = self._files.cat_file(self._full(path), max_concurrency=1, **span)
            except Exception as error:
                if type(error).__name__ in _TORN and not last:
                    continue
                raise self._explained(error, path) from None
            break
        if limit is not None and len(data) > limit:
            raise StoreError(f"{self.show(path)} is larger than {limit} bytes: not written by us")
        return data

    @patient
    def put_once(self, path: str, data: bytes) -> bool:
        if not data:
            # s3fs sends an empty object without the condition.
            raise StoreError(f"{self.show(path)}: an empty object cannot be created once")
        for attempt in range(_CONFLICT_TRIES):
            try:
                self._files.pipe_file(self._full(path), data, mode="create")
            except Exception as error:
                code = _code(error)
                if isinstance(error, FileExistsError) or code in _TAKEN:
                    return False
                if code in _UNKNOWN_VERB:
                    return self._put_unconditioned(path, data)
                if code not in _CONFLICT or attempt == _CONFLICT_TRIES - 1:
                    raise self._explained(error, path) from None
                time.sleep(random.uniform(0.05, 0.2) * 2**attempt)
            else:
                return True
        raise AssertionError("unreachable")

    def _put_unconditioned(self, path: str, data: bytes) -> bool:
        if not unsafe_allowed():
            raise StoreUnsafe(
                f"the server of s3://{self.bucket} refuses conditional writes, so two writers "
                "could overwrite each other: use another server, or set "
                "VARIFACTORY_ALLOW_UNSAFE_STORE=1 if only one process writes at a time"
            )
        if self.size(path) is not None:
            return False
        self.put_over(path, data)
        return True

    @patient
    def put_over(self, path: str, data: bytes) -> None:
        try:
            # Told, so that a browser shows a page from a bucket instead of saving it.
            kind = mimetypes.guess_type(path)[0]
            told = {"ContentType": kind} if kind else {}
            self._files.pipe_file(self._full(path), data, **told)
        except Exception as error:
            raise self._explained(error, path) from None

    def file(self, path: str) -> Path | None:
        return None

    def size(self, path: str) -> int | None:
        try:
            return int(self._call("head_object", path)["ContentLength"])
        except FileNotFoundError:
            return None

    def modified(self, path: str) -> float | None:
        try:
            found: float = self._call("head_object", path)["LastModified"].timestamp()
        except FileNotFoundError:
            return None
        return found

    def refresh(self, path: str, data: bytes) -> bool:
        try:
            head = self._call("head_object", path)
        except FileNotFoundError:
            head = {"ContentLength": None}
        torn = bool(head["ContentLength"] != len(data))
        if torn or _age(head) >= backend.YOUNG:
            self.put_over(path, data)
        return torn

    def move(self, path: str, to: str, before: float) -> bool:
        modified = self.modified(path)
        if modified is None or modified >= before:
            return False
        try:
            self._call(
                "copy_object", to, CopySource={"Bucket": self.bucket, "Key": self.prefix + path}
            )
        except FileNotFoundError:
            return False
        self.delete(path)
        return True

    def entries(self, folder: str) -> list[Entry]:
        return [item for page in self._pages(folder, "/") for item in page[0]]

    def folders(self, folder: str) -> list[str]:
        return sorted(name for page in self._pages(folder, "/") for name in page[1])

    def linked(self, folder: str) -> list[str]:
        return []  # a bucket has no links

    def walk(self, folder: str) -> Iterator[Entry]:
        for items, _ in self._pages(folder, ""):
            yield from items

    def _pages(self, folder: str, delimiter: str) -> Iterator[tuple[list[Entry], list[str]]]:
        prefix = f"{self.prefix}{folder}/"
        more: dict[str, str] = {}
        while True:
            page = self._call("list_objects_v2", "", Prefix=prefix, Delimiter=delimiter, **more)
            yield (
                [
                    Entry(c["Key"][len(prefix) :], c["Size"], c["LastModified"].timestamp())
                    for c in page.get("Contents", [])
                    if c["Key"] != prefix
                ],
                [c["Prefix"][len(prefix) : -1] for c in page.get("CommonPrefixes", [])],
            )
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def delete(self, path: str) -> None:
        self._call("delete_object", path)

    def sweep(self, older_than: float) -> int:
        return 0  # an upload that was not finished is never an object

    def show(self, path: str) -> str:
        return f"s3://{self._full(path)}"

    def _explained(self, error: Exception, path: str) -> Exception:
        """A text of our own: a server's may echo keys or be a page of HTML."""
        code, kind, where = _code(error), type(error).__name__, self.show(path)
        if code == "NoSuchBucket":
            return StoreMissing(
                f"there is no bucket {self.bucket!r} at {_endpoint()}: create it first "
                f"(aws s3 mb s3://{self.bucket}), or correct the store's URL"
            )
        if isinstance(error, FileNotFoundError):
            return FileNotFoundError(where)
        if code in _DENIED or isinstance(error, PermissionError):
            return StoreDenied(
                f"{_endpoint()} refuses access to {where} ({code or kind}): check "
                "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN (or AWS_PROFILE) "
                "and the rights of that user on the bucket"
            )
        if kind in _NO_LOGIN:
            return StoreDenied(
                f"no credentials for {where}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
                "AWS_PROFILE, or run where a role gives them"
            )
        if code:
            text = f"{_endpoint()} answered {code} for {where}: try again later"
            return (StoreUnreachable if code in _PASSING else StoreError)(text)
        return StoreUnreachable(
            f"no S3 answer from {_endpoint()} for {where} ({kind}): check AWS_ENDPOINT_URL and "
            "that the server is up"
        )


def _age(head: dict[str, Any]) -> float:
    """Seconds since an object was written; both times are the server's where it tells its own."""
    told = head.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    now = parsedate_to_datetime(told).timestamp() if told else time.time()
    return float(now - head["LastModified"].timestamp())


def _endpoint() -> str:
    url = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return url.rpartition("@")[2] if url else "Amazon S3"


def _code(error: BaseException) -> str:
    """The server's error code: s3fs keeps it only in the cause, under several Python types."""
    for candidate in (error, error.__cause__):
        response = getattr(candidate, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""
