"""Which operators a .tflite file uses, and whether the oldest runtime that matters can run them.

The table was measured: models with one operator code of every version, offered to tflite-runtime.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ai_edge_litert import schema_py_generated as schema

OLDEST_RUNTIME = "tflite-runtime 2.14.0"

# Greatest version of each operator that OLDEST_RUNTIME registers; an operator not listed, none.
_BY_VERSION = {
    1: "ATAN2 BITWISE_XOR BROADCAST_ARGS CEIL COS CUMSUM ELU EXPAND_DIMS FLOOR HARD_SWISH LOG "
    "LOGICAL_AND LOGICAL_NOT LOGICAL_OR NEG ONE_HOT POW PRELU RANK REDUCE_ALL REDUCE_ANY "
    "RELU_0_TO_1 RELU_N1_TO_1 RESHAPE ROUND SHAPE SIN SQRT SQUARE WHILE ZEROS_LIKE IF",
    2: "DEPTH_TO_SPACE DIV EXP FLOOR_MOD GELU GREATER L2_NORMALIZATION LEAKY_RELU LESS_EQUAL "
    "LOG_SOFTMAX RANGE REDUCE_PROD RSQRT SELECT_V2 SIGN SPACE_TO_DEPTH SPLIT_V "
    "SQUARED_DIFFERENCE SQUEEZE SUM WHERE",
    3: "ARG_MAX ARG_MIN AVERAGE_POOL_2D BROADCAST_TO FLOOR_DIV GREATER_EQUAL LESS LOGISTIC "
    "MAX_POOL_2D MEAN MIRROR_PAD NOT_EQUAL QUANTIZE REDUCE_MAX REDUCE_MIN RELU RELU6 REVERSE_V2 "
    "SOFTMAX TANH TILE TOPK_V2",
    4: "BATCH_MATMUL BATCH_TO_SPACE_ND CONCATENATION EQUAL FILL GATHER_ND MAXIMUM MINIMUM PACK "
    "PAD PADV2 RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR SELECT SPACE_TO_BATCH_ND SPLIT "
    "TRANSPOSE_CONV UNPACK",
    5: "ABS ADD CAST DEQUANTIZE SUB",
    6: "GATHER SLICE TRANSPOSE",
    7: "CONV_2D DEPTHWISE_CONV_2D MUL",
    8: "STRIDED_SLICE",
    10: "FULLY_CONNECTED",
}
GREATEST_VERSION = {
    name: version for version, names in _BY_VERSION.items() for name in names.split()
}

# The schema keeps codes up to this one in an older field as well.
_OLD_FIELD_END = 127
NUMBER = re.compile(r"_\d+$")
_NAMES = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)
}


class Operator(NamedTuple):
    """An operator kind of a model, as `CONV_2D`, with the version of it that the model asks for."""

    name: str
    version: int


def operators(model: bytes) -> tuple[Operator, ...]:
    """The operator kinds that a .tflite file declares, in its order."""
    root = schema.Model.GetRootAsModel(model, 0)
    return tuple(_read(root.OperatorCodes(i)) for i in range(root.OperatorCodesLength()))


def _read(code: schema.OperatorCode) -> Operator:
    old = code.DeprecatedBuiltinCode()
    number = code.BuiltinCode() if old >= _OLD_FIELD_END else max(old, code.BuiltinCode())
    name = _NAMES.get(number, f"operator {number}")
    if name == "CUSTOM":
        name = f"custom {code.CustomCode().decode()}"
    return Operator(name, code.Version())


def too_new(model: bytes) -> tuple[Operator, ...]:
    """The operators of a .tflite file that `OLDEST_RUNTIME` can't run."""
    return tuple(op for op in operators(model) if op.version > GREATEST_VERSION.get(op.name, 0))


def float_tensors(model: bytes) -> tuple[str, ...]:
    """Names of the values that operators of a .tflite file make as floats: none if it is full int8."""
    root = schema.Model.GetRootAsModel(model, 0)
    graph = root.Subgraphs(0)
    made = (
        graph.Tensors(graph.Operators(i).Outputs(j))
        for i in range(graph.OperatorsLength())
        for j in range(graph.Operators(i).OutputsLength())
    )
    return tuple(t.Name().decode() for t in made if t.Type() == schema.TensorType.FLOAT32)


def layers_of(tensor: str) -> str:
    """The Keras layers that a tensor is the result of, from its name; empty if that tells nothing.

    The converter names it by the operations it fused, as `model/conv2d/Relu;model/norm/add`. Where
    tracing the model again made it `model_1`, its layers got a number more as well.
    """
    paths = [part.removeprefix("StatefulPartitionedCall/").split("/") for part in tensor.split(";")]
    layers = [
        NUMBER.sub("", path[1]) if NUMBER.search(path[0]) else path[1]
        for path in paths
        if len(path) > 1
    ]
    return "+".join(dict.fromkeys(layers))
