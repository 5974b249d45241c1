"""Scopes of a sum: their selection, their groups, and a check that no call counts twice."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from usage_analysis.errors import QueryError, refusal
from usage_analysis.query import UsageQuery
from usage_analysis.tidy.engines import as_list
from usage_analysis.tidy.frames import check_group_name
from usage_analysis.tidy.overlap import find_overlap

#: Filters of a scope by name, as an archive stores them.
Filters = Mapping[str, Any]


def label_scopes(
    scopes: Mapping[str, Filters],
    by: Sequence[str],
    where: Mapping[str, object],
    without: Mapping[str, object],
) -> dict[str, tuple[str, ...]]:
    """Return the labels of each selected scope, one per key.

    Scopes without one of the keys are left out.

    Parameters
    ----------
    scopes
        Filters of every scope.
    by
        Keys: ``"scope"``, a filter (``"agent_ids"``, ``"metadata.tenant"``) or a name under which
        `sync_groups` stored groups.
    where, without
        Value or values to keep, and to leave out, by key.

    Raises
    ------
    QueryError
        No scope has a key or a value, or two scopes of one group may share calls.
    """
    for name in by:
        check_group_name(name)
    if len(set(by)) < len(by):
        raise QueryError(f"by: expected each name once, got {list(by)!r}")
    kept = dict(scopes)
    # Each condition narrows the scopes further, so a value has to occur among those that are left.
    for argument, given in (("where", where), ("without", without)):
        for name, values in given.items():
            wanted = _normalize(name, values)
            found = {scope: _values(scope, filters, name) for scope, filters in kept.items()}
            _check_name(argument, name, found, scopes)
            kept = {
                scope: kept[scope]
                for scope, own in found.items()
                if (own and own <= wanted if argument == "where" else not own & wanted)
            }
            there = frozenset().union(*found.values())
            if not kept or not wanted <= there:
                unknown = ", ".join(sorted(wanted - there or wanted)[:10])
                known = ", ".join(sorted(there)[:10])
                raise QueryError(f"{argument}: unknown {name} {unknown}; known: {known}")
    labels: dict[str, tuple[str, ...]] = {}
    for name in by:
        _check_name("by", name, {one: _values(one, own, name) for one, own in kept.items()}, scopes)
    for scope, filters in kept.items():
        own = [", ".join(sorted(_values(scope, filters, name))) for name in by]
        if all(own):
            labels[scope] = tuple(own)
    if not labels:
        raise QueryError(f"by: no scope has all of {', '.join(by)}")
    _check_disjoint(labels, scopes)
    return labels


def check_scope_name(scope: object) -> str:
    """Check and return the name of a scope, or of one of its groups.

    Raises
    ------
    QueryError
        The name is empty or not printable.
    """
    if not isinstance(scope, str) or not scope.strip() or not scope.isprintable():
        raise QueryError(f"scope: expected a name in printable characters, got {scope!r:.80}")
    return scope


def check_family_name(name: str) -> str:
    """Check and return a name to store groups under; each is the scope ``<name>/<group>``.

    Raises
    ------
    QueryError
        The name is empty, not printable or contains a slash.
    """
    if "/" in name:
        raise QueryError(f'name: expected a name without "/", got {name!r}')
    return check_scope_name(name)


def _values(scope: str, filters: Filters, name: str) -> frozenset[str]:
    """Return the values of a scope for a key (its name, its group or a filter), or an empty set."""
    if name == "scope":
        return frozenset([scope])
    if name.startswith("metadata."):
        value = filters.get("metadata", {}).get(name.removeprefix("metadata."))
    elif name in filters:
        value = filters[name]
    else:
        family, _, group = scope.partition("/")
        value = group if family == name and group else None
    if value is None:
        return frozenset()
    return frozenset(map(str, value) if isinstance(value, list | tuple) else [str(value)])


def _normalize(name: str, values: object) -> frozenset[str]:
    listed = as_list(values)
    if name == "agent_ids":
        return frozenset(UsageQuery(agent_ids=listed).as_dict()["agent_ids"])
    if name == "voice_id":
        return frozenset(UsageQuery(voice_id=one).as_dict()["voice_id"] for one in listed)
    return frozenset(map(str, listed))


def _check_name(
    argument: str, name: str, found: Mapping[str, Iterable[str]], scopes: Mapping[str, Filters]
) -> None:
    if any(found.values()):
        return
    names = {"scope"}
    for scope, filters in scopes.items():
        names |= {*filters} - {"metadata"}
        names |= {f"metadata.{key}" for key in filters.get("metadata", {})}
        names |= {scope.partition("/")[0]} if "/" in scope else set()
    raise QueryError(f"{argument}: unknown key {name!r}; known keys: {', '.join(sorted(names))}")


def _check_disjoint(labels: Mapping[str, tuple[str, ...]], scopes: Mapping[str, Filters]) -> None:
    """Check that the scopes of each group differ in a filter with one value per call."""
    members: dict[tuple[str, ...], list[str]] = {}
    for scope, label in labels.items():
        members.setdefault(label, []).append(scope)
    for together in members.values():
        if pair := find_overlap({scope: scopes[scope] for scope in together}):
            raise refusal("shared_scopes", one=pair[0], other=pair[1])
