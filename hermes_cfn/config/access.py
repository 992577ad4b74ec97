"""``[access]``: what the application itself may do with the extras."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field, StringConstraints

from hermes_cfn.config.section import NAME, Section

Grant = Annotated[str, StringConstraints(pattern=rf"^extras\.{NAME}$")]


def _listed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class Access(Section):
    """Each names extras, as ``extras.uploads``; who may write may read."""

    read: Annotated[tuple[Grant, ...], BeforeValidator(_listed)] = ()
    read_write: Annotated[tuple[Grant, ...], BeforeValidator(_listed)] = Field(
        default=(), validation_alias=AliasChoices("read-write", "read_write")
    )

    @property
    def granted(self) -> dict[str, bool]:
        """Name of each extra -> whether the application may write there."""
        found = {one.partition(".")[2]: False for one in self.read}
        return found | {one.partition(".")[2]: True for one in self.read_write}
