"""The command line of ``transactor``: one properties file."""

from __future__ import annotations

from pathlib import Path

from twisted.python import usage

from peerserver.extensions import parse

from .properties import PropertiesError, parse_properties

__all__ = ("TransactorOptions",)

#: how long one call of an operator's function may take.
EXTENSION_SECONDS = 10.0


class TransactorOptions(usage.Options):
    """After parsing: ``properties`` (TransactorProperties) and ``functions`` (name → Python function).
    Raises ``usage.UsageError`` with one sentence that says what to change."""

    synopsis = "FILE.properties"
    longdesc = "Runs a transactor with the properties of a file; config/samples has one for each storage."
    optParameters = [  # noqa: N815, RUF012 - usage.Options reads it so
        ["extensions", None, None, "File that allows Python functions in transactions (EDN)."],
    ]

    def parseArgs(self, *files: str) -> None:  # noqa: N802 - Twisted's name
        """The file."""
        if len(files) != 1:
            raise usage.UsageError("give one properties file; config/samples has some to begin with")
        self["file"] = files[0]

    def postOptions(self) -> None:  # noqa: N802 - Twisted's name
        """Reads it."""
        try:
            self["properties"] = parse_properties(_read(self["file"]))
            self["functions"] = parse(_read(self["extensions"]), EXTENSION_SECONDS) if self["extensions"] else {}
        except PropertiesError as error:
            raise usage.UsageError(f"{self['file']}: {error}") from None
        except ValueError as error:
            raise usage.UsageError(f"--extensions {self['extensions']}: {error}") from None


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise usage.UsageError(f"{path} cannot be read: {reason}") from None
