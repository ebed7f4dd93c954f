"""Loops over rows and pieces as machine code, for what columns would need many passes for.

Whole numbers and bytes, and what one product of doubles rounds to: the same results on every
machine. The compiled code is kept beside the module, so that only the first run of an installation
waits for the compiler, and is used as long as no source that it may come from has changed.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar, cast

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core.cgutils import get_or_insert_function, raw_memcpy
from numba.extending import intrinsic
from numpy.typing import NDArray

P = ParamSpec("P")
R = TypeVar("R")
Octets = NDArray[np.uint8]
_PACKAGE: Final = Path(__file__).resolve().parents[2]
_copy: Callable[..., Any] = raw_memcpy
_declared: Callable[..., Any] = get_or_insert_function
_OCTET = ir.IntType(8)


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The function as machine code, which leaves Python's lock to other threads meanwhile."""
    code: Any
    try:
        code = njit(nogil=True, cache=True)(function)
    except RuntimeError:
        # Nowhere to keep it, neither here nor in the user's folder: it is compiled in each process.
        return cast("Callable[P, R]", njit(nogil=True)(function))
    kept = code._cache._cache_file
    # By itself numba looks at the function's own file only, but loops take constants from others.
    kept._source_stamp = (kept._source_stamp, source_stamp(_PACKAGE))
    return cast("Callable[P, R]", code)


@cache
def source_stamp(package: Path) -> str:
    """Hash of the modules that loops are written in and take constants from."""
    digest = hashlib.sha256()
    for folder in ("domain", "pipelines/synthesis"):
        for path in sorted((package / folder).glob("*.py")):
            digest.update(f"{path.name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """A part of compiled functions, put in where it is called.

    A call that hands arrays over counts references to each of them, which takes longer than a step
    of a ticket.
    """
    code: Callable[P, R] = njit(inline="always")(function)
    return code


def _intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    """What compiled functions may call, given by the instructions that it becomes."""
    return intrinsic(function)


@_intrinsic
def copy_octets(
    _: Any, target: Any, place: Any, source: Any, start: Any, length: Any
) -> tuple[Any, Any]:
    """Copy `length` octets of `source` from `start` on to `target` from `place` on.

    One call of the C library: a loop takes four times as long for pieces of text.
    """

    def instructions(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        into, out_of = (
            context.make_array(signature.args[number])(context, builder, given[number]).data
            for number in (0, 2)
        )
        ends = builder.gep(into, [given[1]]), builder.gep(out_of, [given[3]])
        _copy(builder, *ends, given[4], 1)
        return context.get_dummy_value()

    return types.void(target, place, source, start, length), instructions


@_intrinsic
def copy_from(_: Any, target: Any, place: Any, address: Any, length: Any) -> tuple[Any, Any]:
    """Copy the `length` octets at an address in memory on to `target` from `place` on."""

    def instructions(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        into = context.make_array(signature.args[0])(context, builder, given[0]).data
        source = builder.inttoptr(given[2], into.type)
        _copy(builder, builder.gep(into, [given[1]]), source, given[3], 1)
        return context.get_dummy_value()

    return types.void(target, place, address, length), instructions


@_intrinsic
def fetch(_: Any, address: Any) -> tuple[Any, Any]:
    """Have the processor bring what is at an address near, to be read soon."""

    def instructions(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        _fetch(builder, builder.inttoptr(given[0], _OCTET.as_pointer()))
        return context.get_dummy_value()

    return types.void(address), instructions


@_intrinsic
def fetch_row(_: Any, table: Any, row: Any) -> tuple[Any, Any]:
    """Have the processor bring a row of a table near, to be read soon."""

    def instructions(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, given[0])
        width = ir.Constant(given[1].type, 2)
        place = builder.gep(array.data, [builder.mul(given[1], width)])
        _fetch(builder, builder.bitcast(place, _OCTET.as_pointer()))
        return context.get_dummy_value()

    return types.void(table, row), instructions


def _fetch(builder: Any, place: Any) -> None:
    number = ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
    function = _declared(builder.module, kind, "llvm.prefetch.p0i8")
    # To be read, to be kept in all caches, data.
    builder.call(function, [place, *(ir.Constant(number, value) for value in (0, 3, 1))])


@_intrinsic
def high_product(_: Any, left: Any, right: Any) -> tuple[Any, Any]:
    """The upper 64 bits of the product of two 64-bit numbers."""

    def instructions(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(number, wide) for number in given))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(left, right), instructions
