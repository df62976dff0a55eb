"""How pydantic, and with it FastAPI, reads and writes values. It is imported when pydantic asks, never before."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from attrs import NOTHING, fields
from pydantic import PlainSerializer
from pydantic_core import core_schema as core

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler


def schema(cls: type[Any], handler: GetCoreSchemaHandler, to_plain: Callable[[Any], Any]) -> core.CoreSchema:
    """A value is written as an object with all its attributes, and read from one, or from itself.

    An object to read may leave out what has a default. A wrapped serializer, because it is the kind that carries out
    ``exclude``, which keeps ``extra`` from strangers.
    """
    hints = get_type_hints(cls)
    written_here = _written_here(to_plain)
    attributes = {
        each.name: core.typed_dict_field(
            handler.generate_schema(written_here.get(hints[each.name], hints[each.name])),
            required=each.default is NOTHING,
        )
        for each in fields(cls)
    }

    def read(value: Any, checked: Callable[[Any], dict[str, Any]]) -> Any:
        return value if isinstance(value, cls) else cls(**checked(value))

    def write(value: Any, written: Callable[[Any], Any]) -> Any:
        return written({name: getattr(value, name) for name in attributes})

    kind = core.typed_dict_schema(attributes, cls=cls)
    return core.no_info_wrap_validator_function(
        read,
        kind,
        ref=f"{cls.__module__}.{cls.__qualname__}",
        serialization=core.wrap_serializer_function_ser_schema(write, schema=kind),
    )


def _written_here(to_plain: Callable[[Any], Any]) -> dict[Any, Any]:
    """Annotations of numbers and maps that ``to_plain`` writes: pydantic writes ``1E+3`` where it writes 1000."""

    def plain(kind: Any, becomes: Any) -> Any:
        return Annotated[kind, PlainSerializer(to_plain, becomes, when_used="json")]

    mapping = dict[str, Any]
    return {
        Decimal: plain(Decimal, str),
        Decimal | None: plain(Decimal | None, str | None),
        mapping: plain(mapping, mapping),
        mapping | None: plain(mapping | None, mapping | None),
    }
