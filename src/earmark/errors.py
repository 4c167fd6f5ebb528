"""Every error that earmark raises on purpose.

::

    EarmarkError                     exit 1, HTTP 500
    ├── AudioError                   422: the sound could not be loaded
    │   ├── AudioNotFoundError       404: no such file
    │   ├── UnreadableAudioError     no permission, a folder, a device that failed
    │   ├── EmptyAudioError          no bytes, or no samples
    │   ├── UnknownFormatError       415: not sound, or a format that no decoder here knows
    │   ├── NoAudioTrackError        a container with pictures alone
    │   ├── EncryptedAudioError      DRM
    │   ├── CorruptAudioError        the decoder gave up before the first sample
    │   ├── BadSamplesError          NaN or Inf in the samples
    │   ├── BadSampleRateError       a rate that no recording has
    │   ├── NoChannelsError          zero channels
    │   ├── TooShortError            shorter than what was asked for
    │   └── TooLongError             413: longer than a limit that was given
    ├── InputError (ValueError)      exit 2, 400: an argument out of range
    │   └── AbsentError              404: there is no such track or job
    │       ├── NoLibraryError       the service has no library
    │       ├── NoMapError           the map of the library was never computed
    │       └── GoneError            410: the file of a track is no longer there
    ├── ModelError                   exit 3
    │   ├── UnknownModelError        404: no model of that name
    │   ├── BundleError              a bundle that is incomplete, altered or of another version
    │   └── ContractError            a model that breaks the contract of `check_model`
    ├── MissingExtraError            exit 4, 501: an optional package is not installed
    ├── OutputError                  exit 5, 507: a result could not be written
    ├── TagError                     422: tags of a file could not be changed; it is as it was
    │   ├── TagFormatError           415: a format, or a damaged tag, that cannot be kept safe
    │   ├── ChangedFileError         409: the file is not what the plan or the journal was made for
    │   └── LinkedFileError          409: other names of the file would keep the old content
    ├── TaskError                    a task in a worker process did not come to an end
    │   ├── CrashError               the process died
    │   ├── DeadlineError            504: it took too long
    │   ├── MemoryLimitError         413: it needs more memory than it may use
    │   └── CancelledError           503: it was cancelled
    ├── RequestError                 400: the service refuses a request
    │   ├── TokenError               401: no token, or a wrong one
    │   ├── OriginError              403: a page of another site made the request
    │   ├── HostError                421: the service is not known by that name
    │   ├── TooLargeError            413: more bytes than a body may have
    │   ├── SlowError                408: the body arrives too slowly
    │   └── BusyError                429: too many requests at once, or from one client
    └── InternalError                a fault of earmark's own, met while working on a file
"""

from __future__ import annotations

from collections.abc import Iterable


class EarmarkError(Exception):
    """Base of all errors that earmark raises on purpose.

    Parameters
    ----------
    message : str
        What was wrong and with which value.
    hint : str, optional
        What is accepted, or what to try.

    Attributes
    ----------
    code : str
        Stable name of the kind of error, as in ``earmark.error/1``.
    exit_code : int
        Exit status of a command that ends with this error.
    http_status : int
        Status of an HTTP response that reports it.
    """

    code: str = "error"
    exit_code: int = 1
    http_status: int = 500

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message

    def to_dict(self) -> dict[str, str]:
        """Return ``code``, ``message`` and ``hint`` ("" where there is none), ready for JSON."""
        return {"code": self.code, "message": self.message, "hint": self.hint}

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders in batches; `hint` is keyword-only, so say how to rebuild.
        return _rebuild, (type(self), self.message, self.hint)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``"Did you mean 'svm'? "``, the beginning of a hint; ``""`` if no known name is like it."""
    import difflib  # only errors need it

    by_lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f"Did you mean {by_lower[near[0]]!r}? " if near else ""


def _rebuild(kind: type[EarmarkError], message: str, hint: str) -> EarmarkError:
    return kind(message, hint=hint)


class AudioError(EarmarkError):
    """The sound could not be loaded."""

    code = "audio"
    http_status = 422


class AudioNotFoundError(AudioError):
    """There is no such file."""

    code = "not-found"
    http_status = 404


class UnreadableAudioError(AudioError):
    """The source exists but cannot be read: no permission, a folder, a device that failed."""

    code = "unreadable"


class EmptyAudioError(AudioError):
    """There are no bytes, or a valid file holds no samples."""

    code = "empty"


class UnknownFormatError(AudioError):
    """The bytes are not sound, or of a format that no decoder here knows."""

    code = "unknown-format"
    http_status = 415


class NoAudioTrackError(AudioError):
    """A container without an audio track."""

    code = "no-audio-track"


class EncryptedAudioError(AudioError):
    """The sound is encrypted (DRM)."""

    code = "encrypted"


class CorruptAudioError(AudioError):
    """The format is known, but not one sample could be decoded."""

    code = "corrupt"


class BadSamplesError(AudioError):
    """Samples that are NaN or infinite."""

    code = "bad-samples"


class BadSampleRateError(AudioError):
    """A sampling rate that no recording has."""

    code = "bad-sample-rate"


class NoChannelsError(AudioError):
    """A file that claims to have no channels."""

    code = "no-channels"


class TooShortError(AudioError):
    """Less sound than what was asked for needs."""

    code = "too-short"


class TooLongError(AudioError):
    """More sound than a limit allows, such as ``max_duration``."""

    code = "too-long"
    http_status = 413


class InputError(EarmarkError, ValueError):
    """An argument out of range, of the wrong shape or of the wrong type."""

    code = "input"
    exit_code = 2
    http_status = 400


class AbsentError(InputError):
    """There is no such thing: a track of a library, a job of a service."""

    code = "absent"
    http_status = 404


class NoLibraryError(AbsentError):
    """A service was started without a library."""

    code = "no_library"


class NoMapError(AbsentError):
    """The map of a library was never computed."""

    code = "no_map"


class GoneError(AbsentError):
    """A track is known, but its file is no longer there."""

    code = "gone"
    http_status = 410


class ModelError(EarmarkError):
    """A model could not be loaded or broke down."""

    code = "model"
    exit_code = 3


class UnknownModelError(ModelError):
    """There is no model of that name."""

    code = "unknown-model"
    http_status = 404


class BundleError(ModelError):
    """A bundle that is incomplete, altered, or of a version that is not understood."""

    code = "bundle"


class ContractError(ModelError):
    """A model breaks the contract that `earmark.check_model` tests."""

    code = "contract"


class MissingExtraError(EarmarkError):
    """A package that is needed here belongs to an extra that is not installed."""

    code = "missing-extra"
    exit_code = 4
    http_status = 501


class OutputError(EarmarkError):
    """A result could not be written."""

    code = "output"
    exit_code = 5
    http_status = 507


class TagError(EarmarkError):
    """The tags of a file could not be changed; the file is as it was."""

    code = "tag"
    http_status = 422


class TagFormatError(TagError):
    """A format whose tags are not written here, or a tag so damaged that it cannot be kept safe."""

    code = "tag-format"
    http_status = 415


class ChangedFileError(TagError):
    """The file is not the one that the plan, or the journal, was made for: somebody changed it since."""

    code = "changed"
    http_status = 409


class LinkedFileError(TagError):
    """The file has other names (hard links), which would keep the old content."""

    code = "linked"
    http_status = 409


class TaskError(EarmarkError):
    """A task in a worker process did not come to an end."""

    code = "task"


class CrashError(TaskError):
    """The process that worked on a file died."""

    code = "crash"


class DeadlineError(TaskError):
    """A file took longer than it may; its process was stopped."""

    code = "deadline"
    http_status = 504


class MemoryLimitError(TaskError):
    """A file needs more memory than a worker process may use."""

    code = "memory"
    http_status = 413


class CancelledError(TaskError):
    """A task was cancelled before it came to an end."""

    code = "cancelled"
    http_status = 503


class RequestError(EarmarkError):
    """The service refuses a request."""

    code = "request"
    http_status = 400


class TokenError(RequestError):
    """A request without the token of the service, or with a wrong one."""

    code = "token"
    http_status = 401


class OriginError(RequestError):
    """A page of another site made the request."""

    code = "origin"
    http_status = 403


class HostError(RequestError):
    """The service is not known by the name that the request gives it."""

    code = "host"
    http_status = 421


class TooLargeError(RequestError):
    """The body of a request has more bytes than it may."""

    code = "too-large"
    http_status = 413


class SlowError(RequestError):
    """The body of a request arrives too slowly."""

    code = "slow"
    http_status = 408


class BusyError(RequestError):
    """Too many requests at once, or from one client.

    Attributes
    ----------
    retry_after : float
        Seconds after which another attempt makes sense.
    """

    code = "busy"
    http_status = 429
    retry_after: float = 1.0


class InternalError(EarmarkError):
    """An exception that nobody planned for: a fault of earmark's, not of the file."""

    code = "internal"
