"""What every record has in common: immutable, unknown fields refused, no NaN."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1)]


class Record(BaseModel):
    """Base of every record: immutable, unknown fields refused, no NaN."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )


def is_none(value: object) -> bool:
    """Return True for None; a field with `exclude_if=is_none` is then not written."""
    return value is None
