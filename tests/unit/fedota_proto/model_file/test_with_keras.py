"""Against the installed Keras: what it writes passes, and what we write it loads."""

from __future__ import annotations

import copy
import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.keras_file import ARRAYS, KerasFile, keras_object

from fedota_proto.errors import ModelFileError
from fedota_proto.keras_allowlist import allowlist
from fedota_proto.model_config_walk import ConfigWalk
from fedota_proto.model_file import ModelLimits, check_model_file, read_weights, write_weights

pytestmark = pytest.mark.filterwarnings("ignore")

Make = Callable[[Any], Any]


@pytest.fixture(scope="module")
def keras() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "tensorflow")
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        patch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
        yield importlib.import_module("keras")


def compiled(model: Any, **how: Any) -> Any:
    model.compile(**{"optimizer": "adam", "loss": "mse", "metrics": ["mae"], **how})
    return model


def sequential(keras: Any) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Normalization(mean=[0.0] * 4, variance=[1.0] * 4),
            layers.Dense(8, "relu", kernel_regularizer="l2", kernel_constraint="max_norm"),
            layers.BatchNormalization(),
            layers.Dropout(0.2, seed=7),
            layers.Dense(1, "sigmoid", kernel_initializer=keras.initializers.HeNormal(seed=3)),
        ]
    )
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 100, 0.9)
    compiled(
        model,
        optimizer=keras.optimizers.Adam(schedule),
        loss=keras.losses.BinaryCrossentropy(label_smoothing=0.1),
        metrics=["accuracy", keras.metrics.AUC(), keras.metrics.BinaryAccuracy(name="own")],
    )
    model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)
    return model


def adapted(keras: Any) -> Any:
    normalization = keras.layers.Normalization()
    normalization.adapt(np.arange(12.0).reshape(6, 2))
    return compiled(keras.Sequential([keras.Input((2,)), normalization, keras.layers.Dense(1)]))


def operations(keras: Any) -> Any:
    ops, layers = keras.ops, keras.layers
    age, bmi = keras.Input((1,), name="age"), keras.Input((1,), name="bmi")
    both = layers.Concatenate()([age, bmi])
    one, two = layers.Dense(4)(both), layers.Dense(4, activation=keras.activations.gelu)(both)
    x = one + two * 2 - one / 3 + np.ones(4, "float32")
    x = ops.concatenate([ops.relu(x), both], axis=-1)
    x = ops.einsum("ij,ij->i", x, ops.reshape(x, (-1, 6)))[..., None][:, :1] + ops.mean(
        x, -1, keepdims=True
    )
    x = ops.where(x > 0.5, ops.cast(x, "float32"), ops.clip(-x, 0.0, 1.0))
    out = layers.Dense(1, "sigmoid", name="out")(x)
    model = keras.Model({"age": age, "bmi": bmi}, {"out": out})
    return compiled(model, loss={"out": "binary_crossentropy"}, metrics={"out": ["accuracy"]})


def convolutions(keras: Any) -> Any:
    layers = keras.layers
    image = keras.Input((8, 8, 1))
    x = layers.RandomFlip("horizontal", seed=1)(layers.Rescaling(1 / 255)(image))
    x = layers.Conv2D(4, 3, activation=layers.LeakyReLU(0.1), padding="same")(x)
    x = layers.Flatten()(layers.MaxPooling2D()(x))
    inner = keras.Sequential([keras.Input((64,)), layers.Dense(8), layers.LayerNormalization()])
    compiled(inner)
    out = layers.Dense(3, "softmax")(inner(x)[:, 1:5])
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    return compiled(
        keras.Model(image, out), loss="sparse_categorical_crossentropy", optimizer=optimizer
    )


def text(keras: Any) -> Any:
    layers = keras.layers
    words = keras.Input((1,), dtype="string")
    x = layers.TextVectorization(output_sequence_length=5, vocabulary=["a", "b", "c"])(words)
    x = layers.Embedding(5, 4, mask_zero=True)(x)
    x = layers.Bidirectional(layers.LSTM(3))(x)
    return compiled(keras.Model(words, layers.Dense(1)(x)))


def lookup_with_assets(keras: Any) -> Any:
    layers = keras.layers
    words = keras.Input((1,), dtype="string")
    lookup = layers.StringLookup(output_mode="one_hot")
    lookup.adapt(np.array([["ä"], ["b"], ["c"]]))
    return compiled(keras.Model(words, layers.Dense(1)(lookup(words))))


def attention(keras: Any) -> Any:
    layers = keras.layers
    start = keras.Input((6, 4))
    x = layers.Add()([layers.MultiHeadAttention(2, 2)(start, start), start])
    x = layers.GRU(3, return_sequences=True)(layers.TimeDistributed(layers.Dense(2))(x))
    x = layers.SpectralNormalization(layers.Dense(2))(layers.GlobalAveragePooling1D()(x))
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.AdamW(1e-3))
    return compiled(keras.Model(start, x), loss=["huber"], loss_weights=[0.5], optimizer=optimizer)


def shared(keras: Any) -> Any:
    layers = keras.layers
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    tower = layers.Dense(2, name="tower")
    return compiled(
        keras.Model([left, right], layers.Dense(1)(tower(left) * tower(right))),
        loss=[keras.losses.Huber(delta=2.0)],
        weighted_metrics=[keras.metrics.RootMeanSquaredError()],
        jit_compile=False,
    )


def half(keras: Any) -> Any:
    layers = keras.layers
    dtypes = ("mixed_float16", "mixed_bfloat16", "float16", "float64")
    stack = [layers.Dense(2, dtype=dtype) for dtype in dtypes]
    return compiled(keras.Sequential([keras.Input((2,)), *stack]))


MAKERS = (
    sequential,
    adapted,
    operations,
    convolutions,
    text,
    lookup_with_assets,
    attention,
    shared,
    half,
)


@pytest.mark.parametrize("make", MAKERS)
def test_what_keras_writes_passes_and_comes_back(keras: Any, make: Make, tmp_path: Path) -> None:
    model = make(keras)
    path = tmp_path / "model.keras"
    model.save(path)
    summary = check_model_file(path)
    before = read_weights(path)
    assert list(before) == [array.name for array in summary.arrays]
    floats = [v for v in model.variables if str(v.dtype).startswith("float")]
    floats = [v for v in floats if not v.path.startswith(("adam", "sgd", "loss", "metrics"))]
    floats = [v for v in floats if any(v is w for w in model.weights)]
    # As sets: SpectralNormalization saves the kernel that it wraps twice.
    assert {_bytes(v.numpy()) for v in floats} == set(map(_bytes, before.values()))
    assert {v.path for v in model.trainable_variables} <= {v.path for v in floats}
    assert sum(len(_bytes(v)) for v in before.values()) == summary.size_bytes
    assert summary.optimizer == type(model.optimizer).__name__

    first = {_bytes(values): i for i, values in reversed(list(enumerate(before.values())))}
    after = {
        name: np.asarray(values + (first[_bytes(values)] + 1) / 8, values.dtype)
        for name, values in before.items()
    }
    target = tmp_path / "out.keras"
    write_weights(path, after, target)
    loaded = keras.models.load_model(target)
    again = tmp_path / "again.keras"
    loaded.save(again)
    read_back = read_weights(again)
    assert list(read_back) == list(after)
    for name, values in after.items():
        np.testing.assert_array_equal(read_back[name], values)
    assert loaded.optimizer.__class__ is model.optimizer.__class__


def _bytes(values: np.ndarray) -> bytes:
    return values.tobytes()


def test_keras_loads_the_file_that_the_other_tests_spoil(keras: Any, keras_file: KerasFile) -> None:
    model = keras.models.load_model(keras_file.write())
    for given, loaded in zip(ARRAYS.values(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(given, loaded)


def save(keras: Any, path: Path, *layers: Any, **how: Any) -> Path:
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1)])
    if how:
        compiled(model, **how)
    model.save(path)
    return path


def test_what_keras_writes_of_other_peoples_code_is_refused(keras: Any, tmp_path: Path) -> None:
    @keras.saving.register_keras_serializable(package="mine")
    class Mine(keras.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return inputs

    path = tmp_path / "model.keras"
    layer = keras.layers.Lambda(lambda x: x * 2, name="double")
    with pytest.raises(ModelFileError, match='layer "double" is a Lambda layer'):
        check_model_file(save(keras, path, layer, loss="mse"))
    with pytest.raises(ModelFileError, match='layer "mine" is a class "Mine" from'):
        check_model_file(save(keras, path, Mine(name="mine"), loss="mse"))
    with pytest.raises(ModelFileError, match='the function "mean_squared_error" as its loss'):
        check_model_file(save(keras, path, loss=keras.losses.mean_squared_error))
    with pytest.raises(ModelFileError, match=r"add the line model\.compile"):
        check_model_file(save(keras, path))
    with pytest.raises(ModelFileError, match="bfloat16"):
        check_model_file(save(keras, path, keras.layers.Dense(2, dtype="bfloat16"), loss="mse"))
    old = tmp_path / "model.h5"
    with pytest.raises(ModelFileError, match=r"old \.h5 format"):
        check_model_file(save(keras, old, loss="mse"))


def listed() -> list[tuple[str, str]]:
    classes = allowlist().classes
    return [(module, name) for module in classes for name in sorted(classes[module])]


def test_every_class_on_the_list_is_one_of_keras(keras: Any) -> None:
    library = importlib.import_module("keras.src.saving.serialization_lib")
    for module, name in listed():
        entry = keras_object(module, name)
        found = library._retrieve_class_or_fn(name, None, module, "class", entry)
        assert inspect.isclass(found), (module, name)
        assert found.__module__.startswith("keras.src."), (module, name)
        assert hasattr(found, "from_config"), (module, name)


def test_every_name_on_the_list_is_one_of_keras(keras: Any) -> None:
    for kind, names in allowlist().names.items():
        if kind == "dtypes":
            continue
        known = set(importlib.import_module(f"keras.src.{kind}").ALL_OBJECTS_DICT)
        own = {"acc", "accuracy", "ce", "crossentropy"} if kind == "metrics" else set()
        assert names <= known | own, kind


# What the installed Keras has and models may not use, by decision. A new Keras that brings a class
# fails here until somebody decides.
LEFT_OUT = {
    "layers": {
        "CutMix",
        "FlaxLayer",
        "InputSpec",
        "JaxLayer",
        "Lambda",
        "Layer",
        "MaxNumBoundingBoxes",
        "MixUp",
        "TFSMLayer",
        "TorchModuleWrapper",
        "Wrapper",
    },
    "initializers": {"Initializer"},
    "regularizers": {"Regularizer"},
    "constraints": {"Constraint"},
    "losses": {"Loss"},
    "metrics": {"Mean", "MeanMetricWrapper", "Metric", "Sum"},
    "optimizers": {"MultiOptimizer", "Optimizer", "OptimizerMap"},
    "optimizers.schedules": {"LearningRateSchedule"},
}


@pytest.mark.parametrize("part", sorted(LEFT_OUT))
def test_every_class_of_keras_is_decided_on(keras: Any, part: str) -> None:
    module = keras.optimizers.schedules if part.endswith("schedules") else getattr(keras, part)
    name_of = importlib.import_module("keras.src.api_export").get_name_from_symbol
    # The name under which Keras writes a class: aliases are never written.
    written = {name_of(c).rpartition(".")[2] for c in vars(module).values() if inspect.isclass(c)}
    assert written == allowlist().classes[f"keras.{part}"] | LEFT_OUT[part]


# Arguments of classes that cannot be made without.
NEEDED: dict[str, dict[str, Any]] = {
    "Activation": {"activation": "tanh"},
    "AdaptiveAveragePooling1D": {"output_size": 2},
    "AdaptiveAveragePooling2D": {"output_size": 2},
    "AdaptiveAveragePooling3D": {"output_size": 2},
    "AdaptiveMaxPooling1D": {"output_size": 2},
    "AdaptiveMaxPooling2D": {"output_size": 2},
    "AdaptiveMaxPooling3D": {"output_size": 2},
    "AlphaDropout": {"rate": 0.1},
    "AveragePooling": {"pool_size": 2},
    "CategoryEncoding": {"num_tokens": 3},
    "CenterCrop": {"height": 2, "width": 2},
    "Conv": {"filters": 2, "kernel_size": 3},
    "DepthwiseConv": {"kernel_size": 3},
    "SeparableConv": {"filters": 2, "kernel_size": 3},
    "ConvLSTM": {"filters": 2, "kernel_size": 3},
    "Dense": {"units": 2},
    "Discretization": {"bin_boundaries": [0.0, 1.0]},
    "Dot": {"axes": 1},
    "Dropout": {"rate": 0.1},
    "EinsumDense": {"equation": "ab,bc->ac", "output_shape": 3},
    "Embedding": {"input_dim": 3, "output_dim": 2},
    "GRU": {"units": 2},
    "GRUCell": {"units": 2},
    "GaussianDropout": {"rate": 0.1},
    "GaussianNoise": {"stddev": 0.1},
    "GroupQueryAttention": {"head_dim": 2, "num_query_heads": 2, "num_key_value_heads": 2},
    "HashedCrossing": {"num_bins": 3},
    "Hashing": {"num_bins": 3},
    "InputLayer": {"shape": (3,)},
    "IntegerLookup": {"vocabulary": [5, 6]},
    "LSTM": {"units": 2},
    "LSTMCell": {"units": 2},
    "MultiHeadAttention": {"num_heads": 2, "key_dim": 2},
    "Permute": {"dims": (2, 1)},
    "RandomBrightness": {"factor": 0.1},
    "RandomColorDegeneration": {"factor": 0.1},
    "RandomContrast": {"factor": 0.1},
    "RandomCrop": {"height": 2, "width": 2},
    "RandomHue": {"factor": 0.1},
    "RandomInvert": {"factor": 0.1},
    "RandomPosterization": {"factor": 4},
    "RandomRotation": {"factor": 0.1},
    "RandomSaturation": {"factor": 0.1},
    "RandomSharpness": {"factor": 0.1},
    "RandomTranslation": {"height_factor": 0.1, "width_factor": 0.1},
    "RandomZoom": {"height_factor": 0.1},
    "RepeatVector": {"n": 2},
    "Rescaling": {"scale": 0.5},
    "Reshape": {"target_shape": (2, 2)},
    "Resizing": {"height": 2, "width": 2},
    "ReversibleEmbedding": {"input_dim": 3, "output_dim": 2},
    "SimpleRNN": {"units": 2},
    "SimpleRNNCell": {"units": 2},
    "SpatialDropout": {"rate": 0.1},
    "StringLookup": {"vocabulary": ["/etc/passwd"]},
    "CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 9},
    "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 9},
    "ExponentialDecay": {"initial_learning_rate": 0.1, "decay_steps": 9, "decay_rate": 0.5},
    "InverseTimeDecay": {"initial_learning_rate": 0.1, "decay_steps": 9, "decay_rate": 0.5},
    "PiecewiseConstantDecay": {"boundaries": [5], "values": [0.1, 0.01]},
    "PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 9},
    "IoU": {"num_classes": 3, "target_class_ids": [1]},
    "BinaryIoU": {"target_class_ids": [1]},
    "MeanIoU": {"num_classes": 3},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [1]},
    "OneHotMeanIoU": {"num_classes": 3},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}


def made(keras: Any, module: Any, name: str) -> Any:
    layers = keras.layers
    composed: dict[str, Callable[[], Any]] = {
        "Bidirectional": lambda: layers.Bidirectional(layers.GRU(2)),
        "LossScaleOptimizer": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()),
        "Pipeline": lambda: layers.Pipeline([layers.Rescaling(0.5)]),
        "RNN": lambda: layers.RNN(layers.LSTMCell(2)),
        "SpectralNormalization": lambda: layers.SpectralNormalization(layers.Dense(2)),
        "StackedRNNCells": lambda: layers.StackedRNNCells([layers.LSTMCell(2)]),
        "TimeDistributed": lambda: layers.TimeDistributed(layers.Dense(2)),
    }
    if name in composed:
        return composed[name]()
    family = name.removesuffix("Transpose").rstrip("123D")
    return getattr(module, name)(**NEEDED.get(name, NEEDED.get(family, {})))


@pytest.mark.parametrize("part", sorted(LEFT_OUT))
def test_every_class_on_the_list_passes_as_keras_writes_it(
    keras: Any, part: str, keras_file: KerasFile
) -> None:
    module = keras.optimizers.schedules if part.endswith("schedules") else getattr(keras, part)
    for name in sorted(allowlist().classes[f"keras.{part}"]):
        entry = keras.saving.serialize_keras_object(made(keras, module, name))
        config = copy.deepcopy(keras_file.config)
        if part == "layers":
            config["config"]["layers"].append(entry)
        elif part == "losses":
            config["compile_config"]["loss"] = entry
        elif part == "metrics":
            config["compile_config"]["metrics"] = [entry]
        elif part == "optimizers":
            config["compile_config"]["optimizer"] = entry
        elif part == "optimizers.schedules":
            config["compile_config"]["optimizer"]["config"]["learning_rate"] = entry
        else:
            config["config"]["layers"][1]["config"][f"kernel_{part[:-1]}"] = entry
        ConfigWalk(allowlist(), ModelLimits()).walk(config)
