"""Keras models; the only place that imports Keras and TensorFlow.

It is imported late, after `fedota_client.keras_environment` has prepared the environment.
"""

from fedota_client.keras_model.model import KerasModel, OnBatch, TrainingPlan

__all__ = ["KerasModel", "OnBatch", "TrainingPlan"]
