"""The layer of our own networks that Keras lacks; whoever imports this can load a network that holds it."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable("edgeemo")
class FusedBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]  # keras is untyped
    """BatchNormalization by the backend's fused kernel: a fifth less time a training step on a CPU.

    Same weights in the same order as its base, so that weights move freely between the two.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise (n, height, width, channels); update the running statistics in training."""
        backend = keras.backend.backend()
        if training and backend == "tensorflow":
            return self._by_tensorflow(inputs)
        if training and backend == "torch":
            return self._by_torch(inputs)
        return super().call(inputs, training=training, mask=mask)

    def _by_torch(self, inputs: Any) -> Any:
        from torch.nn.functional import batch_norm

        outputs = batch_norm(
            inputs.movedim(-1, 1),
            self.moving_mean.value,
            self.moving_variance.value,
            self.gamma.value,
            self.beta.value,
            training=True,
            momentum=1 - self.momentum,
            eps=self.epsilon,
        )
        return outputs.movedim(1, -1)

    def _by_tensorflow(self, inputs: Any) -> Any:
        import tensorflow as tf

        gamma, beta = tf.convert_to_tensor(self.gamma.value), tf.convert_to_tensor(self.beta.value)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, gamma, beta, epsilon=self.epsilon, is_training=True
        )
        fresh = 1 - self.momentum
        self.moving_mean.assign(self.moving_mean * self.momentum + mean * fresh)
        self.moving_variance.assign(self.moving_variance * self.momentum + variance * fresh)
        return outputs
