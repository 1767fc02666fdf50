"""Parquet, by pyarrow: a row a paper, under the names that an object of JSON may have."""

import datetime
import io
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from footnote.ingest.opening import check_unpacked
from footnote.ingest.record import Refusal, SourceRecord
from footnote.ingest.sources.objects import ABSTRACTS, TITLES, RecordError, to_record
from footnote.ingest.sources.openalex import INDEX
from footnote.rag.core.errors import SourceError
from footnote.rag.core.records import Sighting

_MAGIC = b"PAR1"
# Rows that are in memory at once, whatever a row group holds: writers make them of a million.
_BATCH_ROWS = 64
# Bytes of a column that are read at once.
_BUFFER_BYTES = 1_000_000
_SHOWN_COLUMNS = 8


def is_parquet(file: io.BufferedReader) -> bool:
    """Return True if a file begins as those of Parquet do."""
    return file.peek(len(_MAGIC)).startswith(_MAGIC)


def parse(file: io.BufferedReader, source: str) -> Iterator[SourceRecord | Refusal]:
    """Yield a record, or a refusal, for each row.

    Raises:
        SourceError: pyarrow is not installed, the file is damaged, is read through a pipe or out
            of what gzip packed, unpacks to far more than papers do, or has no columns for titles
            and abstracts.
    """
    if not file.seekable():
        raise SourceError("Parquet is read from its end: save it as a file of its own, unpacked")
    sighting = Sighting(source=source)
    for number, row in enumerate(_rows(file), start=1):
        try:
            if isinstance(row, str):
                raise RecordError(row)
            yield to_record(row, sighting)
        except RecordError as error:
            yield Refusal(source=source, record=f"row {number}", reason=str(error))


def _rows(file: io.BufferedReader) -> Iterator[Mapping[str, Any] | str]:
    """Yield each row as an object, or what is wrong with it."""
    arrow, parquet = _pyarrow()
    n_packed = file.seek(0, io.SEEK_END)
    try:
        with parquet.ParquetFile(
            file, buffer_size=_BUFFER_BYTES, pre_buffer=False, page_checksum_verification=True
        ) as table:
            _check_columns(table.schema_arrow.names)
            check_unpacked(_told_bytes(table.metadata), n_packed)
            n_bytes = 0
            for batch in table.iter_batches(_BATCH_ROWS, use_threads=False):
                n_bytes += batch.nbytes  # what is told counts a text once that many rows have
                check_unpacked(n_bytes, n_packed)
                dated = _with_dates_as_texts(batch, arrow)
                yield from (_row(dated, at) for at in range(dated.num_rows))
    except (arrow.ArrowException, OSError, MemoryError, ValueError) as error:
        told = " ".join(str(error).split())[:200]
        raise SourceError(f"damaged Parquet, read as far as it is whole: {told}") from error


def _told_bytes(metadata: Any) -> int:  # noqa: ANN401 - it need not be installed
    """Bytes that its pages take unpacked, as the file tells."""
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    return sum(group.total_byte_size for group in groups)


def _check_columns(names: list[str]) -> None:
    for what, known in (("titles", TITLES), ("abstracts", (*ABSTRACTS, INDEX))):
        if not set(known) & set(names):
            shown = ", ".join(names[:_SHOWN_COLUMNS]) + (", …" * (len(names) > _SHOWN_COLUMNS))
            raise SourceError(
                f"Parquet without a column for {what}, which may be called {', '.join(known)}; "
                f"its columns are {shown}"
            )


def _with_dates_as_texts(batch: Any, arrow: Any) -> Any:  # noqa: ANN401 - it need not be installed
    """Write dates as texts: Python's own know no year beyond 9999, and no nanoseconds."""
    for at, field in enumerate(batch.schema):
        column = batch.column(at)
        if arrow.types.is_timestamp(field.type):
            column = column.cast(arrow.timestamp("s"), safe=False)
        elif not arrow.types.is_date(field.type):
            continue
        batch = batch.set_column(at, field.name, column.cast(arrow.string()))
    return batch


def _row(batch: Any, at: int) -> Mapping[str, Any] | str:  # noqa: ANN401 - it need not be installed
    try:
        [row] = batch.slice(at, 1).to_pylist()
    except (ValueError, OverflowError) as error:  # text that is not UTF-8, a date out of range
        return f"a value that cannot be read: {error}"[:200]
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a column holds
    """Return a value as JSON has it."""
    if isinstance(value, list):
        if value and isinstance(value[0], tuple):  # of a map
            value = dict(value)
            return {str(name): _plain(each) for name, each in value.items()}
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, float):  # pandas has no numbers beside missing ones but these
        return int(value) if value.is_integer() else None
    if isinstance(value, bytes):  # texts of writers that do not say so
        return value.decode(errors="surrogateescape")
    return value.isoformat() if isinstance(value, datetime.date) else value


def _pyarrow() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise SourceError(
            "Parquet, which is read by pyarrow: pip install 'footnote-papers[parquet]'"
        ) from error
