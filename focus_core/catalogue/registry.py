"""The entries of one kind by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, Protocol, TypeVar


class Named(Protocol):
    @property
    def name(self) -> str: ...


Spec = TypeVar("Spec", bound=Named)


class Registry(Mapping[str, Spec], Generic[Spec]):
    """In the order in which users see them."""

    def __init__(self, *entries: Spec) -> None:
        self._entries = {entry.name: entry for entry in entries}
        if len(self._entries) < len(entries):
            raise ValueError(f"two entries have one name: {', '.join(entry.name for entry in entries)}")

    def __getitem__(self, name: str) -> Spec:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._entries)

    @property
    def first(self) -> Spec:
        """The meaning of an older record, which does not name one."""
        return next(iter(self._entries.values()))
