"""Float islands in an int8 model that need not be: operators that TFLite has in int8 as well.

The converter leaves ELU in float between a DEQUANTIZE and a QUANTIZE, though the runtimes compute
it in int8, by a table of 256 values.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import flatbuffers  # type: ignore[import-untyped]  # it ships no types
from ai_edge_litert import schema_py_generated as schema

IDENTIFIER = b"TFL3"
WEIGHT_ALIGNMENT = 16
"""Bytes; the schema asks for it, Python's builder does not know."""


class _Builder(flatbuffers.Builder):  # type: ignore[misc]  # flatbuffers is untyped
    """Writes every vector of bytes where the schema wants it."""

    def StartVector(self, size: int, count: int, alignment: int) -> int:  # noqa: N802 - the base's name
        aligned = max(alignment, WEIGHT_ALIGNMENT) if size == 1 else alignment
        return int(super().StartVector(size, count, aligned))


def fuse(model: bytes) -> bytes:
    """The .tflite file with each DEQUANTIZE, ELU, QUANTIZE in a row as one int8 ELU."""
    root = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    codes = [code.builtinCode for code in root.operatorCodes]
    kinds = schema.BuiltinOperator
    if kinds.ELU not in codes:
        return model
    graph = root.subgraphs[0]
    maker = {int(index): op for op in graph.operators for index in op.outputs}
    users = Counter(int(index) for op in graph.operators for index in op.inputs)
    gone = set()
    for last in graph.operators:
        chain = _chain(last, maker, users)
        if [codes[op.opcodeIndex] for op in chain] != [kinds.DEQUANTIZE, kinds.ELU, kinds.QUANTIZE]:
            continue
        first, elu, _ = chain
        elu.inputs, elu.outputs = first.inputs, last.outputs
        gone |= {id(first), id(last)}
    graph.operators = [op for op in graph.operators if id(op) not in gone]
    _forget_unused_codes(root)
    return _packed(root)


def _chain(last: Any, maker: dict[int, Any], users: Counter[int]) -> list[Any]:
    """An operator and the two before it, if nothing else uses what they make."""
    chain = [last]
    while len(chain) < 3:
        (entering, *others) = chain[0].inputs
        if others or users[int(entering)] > 1 or int(entering) not in maker:
            return []
        chain.insert(0, maker[int(entering)])
    return chain


def _forget_unused_codes(root: Any) -> None:
    """A runtime looks up every operator that is declared, used or not."""
    operators = [op for graph in root.subgraphs for op in graph.operators]
    used = sorted({op.opcodeIndex for op in operators})
    root.operatorCodes = [root.operatorCodes[index] for index in used]
    for op in operators:
        op.opcodeIndex = used.index(op.opcodeIndex)


def _packed(root: Any) -> bytes:
    builder = _Builder(1024)
    builder.Finish(root.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())
