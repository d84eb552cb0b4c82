"""Events from Parquet files, column by column. Needs pyarrow, the extra `parquet`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from streamer.errors import SourceError, StreamerError
from streamer.sources.batch import Batch, Reject
from streamer.sources.fields import REQUIRED, TYPES, Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from streamer.sources.decode import Decoder

_ROWS = 2000
_REJECT_BYTES = 1 << 16


def parquet_batches(path: Path, decoder: Decoder, on_bytes: Callable[[int], None] | None) -> Iterator[Batch]:
    """The events of one file, a row each. Columns are the fields of the contract, or what `decoder` maps.

    A time without a zone is taken as UTC: tables seldom carry one.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as error:
        found = "Parquet, and pyarrow is not installed"
        raise SourceError(str(path), found, "pip install 'streamer[parquet]'") from error
    try:
        with pq.ParquetFile(path) as file:
            names = list(file.schema_arrow.names)
            if decoder.mapping is None:
                names = [name for name in names if name in TYPES]
                _check_columns(path, names)
            rows, size, done = max(1, file.metadata.num_rows), path.stat().st_size, 0
            for table in file.iter_batches(batch_size=_ROWS, columns=names):
                yield _decoded(_rows(table, pa), decoder, str(path), done + 1)
                told = size * done // rows
                done += table.num_rows
                if on_bytes is not None:
                    on_bytes(size * done // rows - told)
    except (pa.ArrowException, OSError) as error:
        found = f"not a Parquet file that can be read ({str(error).splitlines()[0]})"
        raise StreamerError(str(path), found, "write it again, or check the name") from error


def _check_columns(path: Path, names: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise SourceError(str(path), f"no column {', '.join(missing)}", "name the columns as the event's fields")


def _rows(table: Any, pa: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - pyarrow has no types
    columns = [_values(column, pa) for column in table.columns]
    names = table.schema.names
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not None}
        for row in zip(*columns, strict=True)
    ]


def _values(column: Any, pa: Any) -> list[Any]:  # noqa: ANN401 - pyarrow has no types
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ms", tz=column.type.tz), safe=False).cast(pa.int64())
    values: list[Any] = column.to_pylist()
    if pa.types.is_floating(column.type):
        # NaN is how a table says that there is nothing; 3.0 is what it makes of 3 then.
        values = [None if v is None or v != v else int(v) if v.is_integer() else v for v in values]  # noqa: PLR0124
    return values


def _decoded(rows: list[dict[str, Any]], decoder: Decoder, source: str, first: int) -> Batch:
    if decoder.mapping is None and (events := decoder.clean_rows(rows)) is not None:
        return Batch(events)
    batch = Batch()
    for number, row in enumerate(rows, first):
        try:
            for values in [row] if decoder.mapping is None else decoder.mapping.events(row):
                batch.events.append(decoder.convert(values, batch.fields_dropped))
        except Unusable as unusable:
            raw = msgspec.json.encode(row, enc_hook=str)
            reject = Reject(unusable.reason, unusable.detail, raw[:_REJECT_BYTES], len(raw), source, number)
            batch.rejects.append(reject)
    return batch
