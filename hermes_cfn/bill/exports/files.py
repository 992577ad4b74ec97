"""The files of an export: several, folders and globs; CSV, gzip, zip, Parquet and JSON, told apart by their bytes."""

from __future__ import annotations

import csv
import glob
import gzip
import io
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hermes_cfn.errors import Finding, HermesError

SUFFIXES = (".csv", ".gz", ".zip", ".parquet", ".json")
"""What is taken from a folder; a file that is named is taken whatever it is called."""
ASIDE = ("manifest.json", "-manifest.json", "_success", ".sql", "create-table.sql")
"""What AWS writes beside an export."""
DELIMITERS = (",", ";", "\t", "|")
LONGEST_HEADER = 1 << 20
"""Bytes that are read to find a CSV's first line; a full legacy CUR with 1,000 tags has 60,000."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file that can be read: where it is, what it is called to people, and for CSV its header and whether it is gzipped."""

    path: Path
    shown: str
    kind: str
    names: tuple[str, ...] = ()
    delimiter: str = ","
    packed: bool = False


def unreadable(where: str, what: str, after: str = "", why: str = "") -> HermesError:
    """``export-unreadable``, with what to give instead."""
    return HermesError(Finding("export-unreadable", where, what, why=why, next=after))


def found(given: Sequence[str]) -> list[Path]:
    """The files that paths, folders and globs mean, each once, in order.  Raises ``export-unreadable``."""
    paths: dict[Path, None] = {}
    for one in given:
        path = Path(one)
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.is_file() and _wanted(file))
            if not inside:
                raise unreadable(one, "the folder has no export", f"files that end in {', '.join(SUFFIXES)}")
            paths |= dict.fromkeys(inside)
        elif path.exists():
            paths[path] = None
        else:
            names = glob.glob(one, recursive=True)  # noqa: PTH207 - a path from the root, which Path.glob refuses
            matched = sorted(path for path in map(Path, names) if path.is_file())
            if not matched:
                raise unreadable(one, "there is no such file, folder or match")
            paths |= dict.fromkeys(matched)
    return list(paths)


def _wanted(file: Path) -> bool:
    name = file.name.lower()
    return name.endswith(SUFFIXES) and not name.endswith(ASIDE) and not name.startswith(".")


def parts(paths: Sequence[Path], spare: Path) -> list[Part]:
    """Every readable file; what is in a zip is unpacked into the folder ``spare``.  Raises ``export-unreadable``."""
    return [part for path in paths for part in _parts(path, str(path), spare)]


def _parts(path: Path, shown: str, spare: Path) -> Iterator[Part]:
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise unreadable(shown, error.strerror or str(error)) from error
    if head == b"PK\x03\x04":
        yield from _unpacked(path, shown, spare)
    elif head == b"PAR1":
        yield Part(path, shown, "parquet")
    elif not head:
        raise unreadable(shown, "the file is empty", "export it again")
    else:
        with _opened(path, shown) as text:
            yield replace(_part(path, shown, text), packed=head[:2] == b"\x1f\x8b")


@contextmanager
def _opened(path: Path, shown: str) -> Iterator[io.TextIOBase]:
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = gzip.GzipFile(fileobj=raw) if packed else raw
        try:
            yield io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")  # type: ignore[type-var]
        except UnicodeDecodeError as error:
            why = "it is neither CSV in UTF-8, gzipped or not, nor zip, Parquet or JSON"
            raise unreadable(shown, "is not text", "export it as CSV or Parquet", why) from error
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise unreadable(shown, "the gzip file is cut off or damaged", "copy it again") from error


def _part(path: Path, shown: str, text: io.TextIOBase) -> Part:
    begin = text.read(LONGEST_HEADER)
    if begin.lstrip()[:1] in ("{", "["):
        return Part(path, shown, "json")
    if "\0" in begin[:4096]:
        raise unreadable(shown, "is not text", "export it as CSV or Parquet")
    line = _first_record(begin)
    delimiter = max(DELIMITERS, key=line.count)
    names = next(csv.reader(io.StringIO(line, newline=""), delimiter=delimiter), [])
    return Part(path, shown, "csv", tuple(names), delimiter)


def _first_record(text: str) -> str:
    """The first line, which may have line breaks inside quotes."""
    quoted = False
    for at, letter in enumerate(text):
        if letter == '"':
            quoted = not quoted
        elif letter in "\r\n" and not quoted:
            return text[:at]
    return text


def _unpacked(path: Path, shown: str, spare: Path) -> Iterator[Part]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if not one.is_dir() and _wanted(Path(one.filename))]
            members = [one for one in members if "__MACOSX" not in one.filename]
            if not members:
                raise unreadable(shown, "the zip file has no export", f"files that end in {', '.join(SUFFIXES)}")
            for number, member in enumerate(members):
                inside = spare / f"{len(list(spare.iterdir()))}-{number}"
                with archive.open(member) as packed, inside.open("wb") as out:
                    shutil.copyfileobj(packed, out, 1 << 20)
                yield from _parts(inside, f"{shown}: {member.filename}", spare)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError) as error:
        raise unreadable(
            shown, "the zip file is cut off, damaged or encrypted", "copy it again, or unpack it"
        ) from error
