"""From a float network to a .tflite file: full int8 after calibration, or float for comparison."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert import ConverterError
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from converting.islands import fuse
from converting.operators import OLDEST_RUNTIME, float_tensors, layers_of, too_new
from edgeemo.quant import Float
from networks.floatnetwork import FloatNetwork
from networks.refusal import RuntimeMismatchError, UnsupportedLayerError, WriteError

REASON_LENGTH = 200


def to_int8(network: FloatNetwork, samples: Float) -> bytes:
    """The .tflite file with int8 weights, activations, input and output, and a fixed batch of 1.

    Activations get their ranges from `samples`, float32 (n, height, width, channels) inputs.

    Raises:
        UnsupportedLayerError: a layer has no int8 form.
        RuntimeMismatchError: the file asks for operators that the oldest runtime lacks.
    """
    converter = _converter(network)

    def feed() -> Iterator[list[Float]]:
        for sample in samples:
            yield [sample[np.newaxis]]

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = feed
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    model = fuse(_convert(converter))
    _check(model)
    return model


def to_float(network: FloatNetwork) -> bytes:
    """The .tflite file with float32 throughout and a fixed batch of 1."""
    return _convert(_converter(network))


def _converter(network: FloatNetwork) -> tf.lite.TFLiteConverter:
    # A fixed batch keeps Flatten a plain RESHAPE; frozen weights are constants to the converter.
    one = tf.TensorSpec((1, *network.shape), tf.float32)
    traced = tf.function(network.function).get_concrete_function(one)
    frozen = convert_variables_to_constants_v2(traced)
    return tf.lite.TFLiteConverter.from_concrete_functions([frozen], tf.Module())


def _convert(converter: tf.lite.TFLiteConverter) -> bytes:
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        return bytes(converter.convert())
    except OSError as error:
        # It keeps the network in the folder for temporary files while it works.
        raise WriteError(
            f"no room to convert in {tempfile.gettempdir()}: {error.strerror or error}"
        ) from error
    except (ConverterError, ValueError, RuntimeError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:REASON_LENGTH]
        raise UnsupportedLayerError(f"the network has no int8 form: {reason}") from error


def _check(model: bytes) -> None:
    if floats := float_tensors(model):
        layers = ", ".join(filter(None, dict.fromkeys(map(layers_of, floats))))
        raise UnsupportedLayerError(
            f"no full int8 form: {len(floats)} values stay float, of {layers or 'unnamed layers'}"
        )
    if unfit := too_new(model):
        names = ", ".join(f"{op.name} v{op.version}" for op in unfit)
        raise RuntimeMismatchError(
            f"{OLDEST_RUNTIME} can't run {names}: exchange the layer or activation that needs it"
        )
