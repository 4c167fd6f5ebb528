"""Every error that earmark raises on purpose.

::

    EarmarkError                     exit 1
    ├── AudioError                   the sound could not be had
    │   ├── AudioNotFoundError       no such file
    │   ├── UnreadableAudioError     no permission, a folder, a device that failed
    │   ├── EmptyAudioError          no bytes, or no samples
    │   ├── UnknownFormatError       not sound, or a format that nobody here decodes
    │   ├── NoAudioTrackError        a container with pictures alone
    │   ├── EncryptedAudioError      DRM
    │   ├── CorruptAudioError        the decoder gave up before the first sample
    │   ├── BadSamplesError          NaN or Inf in the samples
    │   ├── BadSampleRateError       a rate that no recording has
    │   ├── NoChannelsError          zero channels
    │   ├── TooShortError            shorter than what was asked for
    │   └── TooLongError             longer than a limit that was given
    ├── InputError (ValueError)      exit 2: an argument out of range
    ├── ModelError                   exit 3
    │   ├── UnknownModelError        no model of that name
    │   ├── BundleError              a bundle that is incomplete, altered or of another version
    │   └── ContractError            a model that breaks the contract of `check_model`
    ├── MissingExtraError            exit 4: an optional package is not installed
    ├── OutputError                  exit 5: a result could not be written
    ├── CrashError                   the process that worked on a file died
    └── InternalError                a fault of earmark's own, met while working on a file
"""


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
    """

    code: str = "error"
    exit_code: int = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders in batches; `hint` is keyword-only, so say how to rebuild.
        return _rebuild, (type(self), self.message, self.hint)


def _rebuild(kind: type[EarmarkError], message: str, hint: str) -> EarmarkError:
    return kind(message, hint=hint)


class AudioError(EarmarkError):
    """The sound could not be had."""

    code = "audio"


class AudioNotFoundError(AudioError):
    """There is no such file."""

    code = "not-found"


class UnreadableAudioError(AudioError):
    """The source exists but cannot be read: no permission, a folder, a device that failed."""

    code = "unreadable"


class EmptyAudioError(AudioError):
    """There are no bytes, or a valid file holds no samples."""

    code = "empty"


class UnknownFormatError(AudioError):
    """The bytes are not sound, or of a format that no decoder here knows."""

    code = "unknown-format"


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


class InputError(EarmarkError, ValueError):
    """An argument out of range, of the wrong shape or of the wrong type."""

    code = "input"
    exit_code = 2


class ModelError(EarmarkError):
    """A model could not be had or did not behave."""

    code = "model"
    exit_code = 3


class UnknownModelError(ModelError):
    """There is no model of that name."""

    code = "unknown-model"


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


class OutputError(EarmarkError):
    """A result could not be written."""

    code = "output"
    exit_code = 5


class CrashError(EarmarkError):
    """The process that worked on a file died."""

    code = "crash"


class InternalError(EarmarkError):
    """An exception that nobody planned for: a fault of earmark's, not of the file."""

    code = "internal"
