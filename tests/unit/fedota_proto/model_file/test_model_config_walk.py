"""Configurations that Keras would obey, and must not."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.keras_file import FLOAT32, KerasFile, dense, keras_object, layer

from fedota_proto.errors import ModelFileError
from fedota_proto.keras_allowlist import allowlist
from fedota_proto.model_config import parse_config, summarise
from fedota_proto.model_config_walk import ConfigWalk
from fedota_proto.model_file import ModelLimits, check_model_file


def refusal(keras_file: KerasFile, limits: ModelLimits | None = None) -> ModelFileError:
    with pytest.raises(ModelFileError) as caught:
        check_model_file(keras_file.write(), limits=limits)
    message = caught.value.public_message
    assert message.startswith("model.keras: ")
    assert "\n" not in message
    return caught.value


def function(module: str, name: str) -> dict[str, Any]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def lambda_layer(called: Any) -> dict[str, Any]:
    return layer("Lambda", "innocent", function=called, arguments={})


LAMBDA = {"class_name": "__lambda__", "config": {"value": "4wAAAA==", "defaults": None}}


def test_lambda_layer(keras_file: KerasFile) -> None:
    keras_file.add_layer(lambda_layer(LAMBDA))
    error = refusal(keras_file)
    assert error.place == 'layer "innocent"'
    assert error.public_message == (
        'model.keras: layer "innocent" is a Lambda layer, which carries Python code; replace it by '
        "Keras's own layers or operations, such as keras.ops"
    )


def test_cve_2025_1550_a_function_of_any_module(keras_file: KerasFile) -> None:
    keras_file.add_layer(
        {**layer("Dense", "innocent", units=3), "module": "os", "class_name": "system"}
    )
    assert 'from "os", not from Keras' in refusal(keras_file).public_message
    keras_file.layers[2] = {
        **dense("innocent", 3),
        "inbound_nodes": [{"args": [function("os", "system")], "kwargs": {}}],
    }
    assert 'has the function "system"' in refusal(keras_file).public_message


def test_cve_2025_8747_keras_own_download_function(keras_file: KerasFile) -> None:
    keras_file.add_layer(lambda_layer(function("keras.utils", "get_file")))
    assert "Lambda layer" in refusal(keras_file).public_message
    keras_file.layers[2] = dense("innocent", 3, activation=function("keras.utils", "get_file"))
    assert 'has the function "get_file" as its activation' in refusal(keras_file).public_message
    keras_file.layers[2] = keras_object("keras.utils", "get_file", name="x", origin="https://a.b")
    assert 'a class "get_file" from "keras.utils"' in refusal(keras_file).public_message


def test_cve_2025_9906_switching_safe_mode_off(keras_file: KerasFile) -> None:
    switch = function("keras.config", "enable_unsafe_deserialization")
    keras_file.add_layer(dense("innocent", 3, kernel_initializer=switch))
    assert "enable_unsafe_deserialization" in refusal(keras_file).public_message
    keras_file.layers[2] = keras_object("keras.config", "enable_unsafe_deserialization")
    assert "keras.config" in refusal(keras_file).public_message


@pytest.mark.parametrize("key", ["vocabulary", "idf_weights"])
@pytest.mark.parametrize("text", ["/etc/passwd", "https://example.org/x", "gs://bucket/x", "x"])
def test_cve_2025_12058_a_vocabulary_that_is_opened(
    keras_file: KerasFile, key: str, text: str
) -> None:
    entry = layer("StringLookup", "lookup", **{"vocabulary": ["a"], "idf_weights": None, key: text})
    keras_file.add_layer(entry)
    assert refusal(keras_file).public_message == (
        f'model.keras: layer "lookup" has the text "{text}" as its {key}, and Keras would open '
        "that file or address; put the values themselves into the layer and save it again"
    )


def compiled(**settings: Any) -> Callable[[KerasFile], None]:
    def spoil(keras_file: KerasFile) -> None:
        keras_file.config["compile_config"].update(settings)

    return spoil


def middle(entry: dict[str, Any]) -> Callable[[KerasFile], None]:
    def spoil(keras_file: KerasFile) -> None:
        keras_file.add_layer(entry)

    return spoil


def root(**changes: Any) -> Callable[[KerasFile], None]:
    def spoil(keras_file: KerasFile) -> None:
        keras_file.config.update(changes)

    return spoil


def model_setting(**changes: Any) -> Callable[[KerasFile], None]:
    def spoil(keras_file: KerasFile) -> None:
        keras_file.config["config"].update(changes)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        # code, by whatever name
        (middle(dense("x", 3, activation=LAMBDA)), 'layer "x" has a lambda as its activation'),
        (middle({**dense("x", 3), "module": "my.module"}), 'from "my.module", not from Keras'),
        (middle({**dense("x", 3), "module": "kerasx"}), 'from "kerasx", not from Keras'),
        (middle({**dense("x", 3), "module": None}), "of the author's own"),
        (middle({k: v for k, v in dense("x", 3).items() if k != "module"}), "the author's own"),
        (middle({**dense("x", 3), "registered_name": "pack>Dense"}), '"pack>Dense"'),
        (middle(layer("TFSMLayer", "x", filepath="gs://a")), 'class "TFSMLayer"'),
        (middle(layer("TorchModuleWrapper", "x", module="…")), 'class "TorchModuleWrapper"'),
        (middle(layer("JaxLayer", "x")), 'class "JaxLayer"'),
        (middle(layer("FlaxLayer", "x")), 'class "FlaxLayer"'),
        (middle(layer("dense", "x")), 'class "dense"'),
        (middle(keras_object("keras.src.ops.core", "Map", name="x")), 'class "Map"'),
        (middle(keras_object("keras.src.saving.serialization_lib", "Dense")), "not on the list"),
        (middle(keras_object("keras.models", "load_model", filepath="x")), "not on the list"),
        (middle(keras_object("builtins", "eval")), "not from Keras"),
        # nested
        (
            middle(layer("TimeDistributed", "x", layer=lambda_layer(None))),
            'layer "x", "innocent" is a Lambda layer',
        ),
        (
            middle(keras_object("keras", "Sequential", name="in", layers=[lambda_layer(None)])),
            'layer "in", "innocent" is a Lambda layer',
        ),
        (
            middle({**dense("x", 3), "build_config": {"shape": lambda_layer(None)}}),
            "is a Lambda layer",
        ),
        (
            middle({**dense("x", 3), "compile_config": {"loss": function("os", "system")}}),
            'the function "system"',
        ),
        (
            middle({**dense("x", 3), "inbound_nodes": [{"args": [[LAMBDA]], "kwargs": {}}]}),
            "has a lambda",
        ),
        (
            middle({**dense("x", 3), "inbound_nodes": [{"args": [], "kwargs": {"mask": LAMBDA}}]}),
            "has a lambda",
        ),
        (middle(layer("Dense", "x", units={"a": [{"b": LAMBDA}]})), "has a lambda as its b"),
        # specials that Keras revives
        (middle(layer("Dense", "x", v={"class_name": "__typespec__", "config": []})), "typespec"),
        (
            middle(layer("Dense", "x", v={"class_name": "__bytes__", "config": {"value": "a"}})),
            "__bytes__",
        ),
        (
            middle(
                layer(
                    "Dense",
                    "x",
                    v={"class_name": "__tensor__", "config": {"value": [], "dtype": "resource"}},
                )
            ),
            '"resource" as its dtype',
        ),
        (
            middle(layer("Dense", "x", v={"class_name": "__slice__", "config": {"start": 1}})),
            "__slice__",
        ),
        # objects by halves
        (middle(layer("Dense", "x", v={"class_name": "Zeros"})), "without a class or a config"),
        (middle(layer("Dense", "x", v={"class_name": 1, "config": {}})), "without a class"),
        (middle({**dense("x", 3), "config": "x"}), "has no configuration"),
        (middle({**dense("x", 3), "spec_name": "x"}), '"spec_name"'),
        (middle({**dense("x", 3), "inbound_nodes": [[["dense", 0, 0, {}]]]}), "as in Keras 2"),
        (middle({**dense("x", 3), "inbound_nodes": "x"}), "no list of the layers before"),
        # texts
        (middle(dense("x", 3, activation="exec")), 'has "exec" as its activation'),
        (middle(dense("x", 3, kernel_initializer="os.system")), '"os.system" as its kernel_init'),
        (middle(layer("Resizing", "x", interpolation="../../x")), "as its interpolation"),
        (middle(dense("x", 3, wherever="/etc/passwd")), 'at "wherever", which is not known'),
        (middle(layer("EinsumDense", "x", equation="ab;__import__('os')")), 'at "equation"'),
        (middle(dense("x", 3, dtype="float33")), '"float33" as its dtype'),
        (
            middle(dense("x", 3, dtype=keras_object("keras", "DTypePolicy", name="int8_from_x"))),
            '"int8_from_x" as its dtype',
        ),
        (middle(dense("x\x1b[2J", 3)), "a name that is no name"),
        (middle(layer("Dense", "x", **{"a\nb": 1})), "a key that is no name"),
        # compilation
        (compiled(loss=function("builtins", "mean_squared_error")), 'by its name, as loss="…"'),
        (compiled(loss="my_loss"), '"my_loss" as its loss'),
        (compiled(loss={"out": "my_loss"}), '"my_loss" as its loss'),
        (compiled(metrics=[["my_metric"]]), '"my_metric" as its metrics'),
        (compiled(optimizer="my_optimizer"), '"my_optimizer" as its optimizer'),
        (compiled(loss=keras_object("keras.losses", "LossFunctionWrapper")), "LossFunctionWrapp"),
        (compiled(metrics=[keras_object("keras.metrics", "MeanMetricWrapper")]), "MeanMetricW"),
        (
            compiled(
                optimizer=keras_object(
                    "keras.optimizers", "Adam", learning_rate=keras_object("os", "system")
                )
            ),
            'the compilation, optimizer Adam, learning_rate system is a class "system" from "os"',
        ),
        (compiled(callbacks=[]), "a setting that Keras does not write"),
        # no compilation
        (compiled(loss=None), "is not compiled with an optimizer and a loss"),
        (compiled(loss=[None]), "is not compiled"),
        (compiled(optimizer=None), "is not compiled"),
        (compiled(optimizer={"a": 1}), "is not compiled"),
        (root(compile_config={}), 'add the line model.compile(optimizer="adam", loss="…"'),
        (root(compile_config=None), "is not compiled"),
        (root(compile_config=[1]), "a setting that Keras does not write"),
        # other models
        (root(class_name="MyModel"), 'the model is a class "MyModel"; only Sequential'),
        (root(class_name=None), "the model is of no named class"),
        (root(module="mine"), 'from "mine", not from Keras'),
        (root(config=None), "has no configuration"),
        (model_setting(layers=[]), "has no layers"),
        (model_setting(layers={"a": 1}), "has no layers"),
        (model_setting(layers=["x"]), 'at "layers", which is not known'),
        (model_setting(layers=[3]), "has no layers"),
        # sizes
        (middle(dense("x", 10**9)), "declares units = 1,000,000,000 or more"),
        (middle(layer("Embedding", "x", input_dim=10**5, output_dim=10**5)), "parameters"),
        (middle(layer("Conv2D", "x", filters=10**6, kernel_size=[99, 99])), "parameters"),
        (middle(layer("Reshape", "x", target_shape=[10**5, 10**5])), "target_shape of 10,000,0"),
        (middle(layer("RepeatVector", "x", n=10**10)), "declares n = 10,000,000,000"),
    ],
)
def test_refuses(keras_file: KerasFile, spoil: Callable[[KerasFile], None], said: str) -> None:
    spoil(keras_file)
    assert said in refusal(keras_file).public_message


@pytest.mark.parametrize(
    "spoil",
    [
        middle(layer("StringLookup", "x", vocabulary=["/etc/passwd", "Lambda"], oov_token="[UNK]")),
        middle(layer("EinsumDense", "x", equation="...x,xy->...y", output_shape=[None, 3])),
        middle(layer("Activation", "x", activation=layer("LeakyReLU", "y"))),
        middle(keras_object("keras", "Sequential", name="in", layers=[dense("d", 3)])),
        middle({**layer("Dropout", "x", rate=0.5), "shared_object_id": 139854126163792}),
        middle(layer("Dropout", "x", rate=0.5, seed=2**31)),
        middle(layer("ReLU", "x", max_value=float("inf"), dtype=FLOAT32)),
        compiled(loss={"out": "mse"}, metrics={"out": ["mae", None]}, loss_weights={"out": 0.5}),
        compiled(loss=[keras_object("keras.losses", "Huber", name="huber_loss", delta=1.0)]),
        compiled(jit_compile="auto", optimizer="adam"),
    ],
)
def test_lets_pass(keras_file: KerasFile, spoil: Callable[[KerasFile], None]) -> None:
    spoil(keras_file)
    check_model_file(keras_file.write())


def test_lets_a_functional_graph_with_operations_pass(keras_file: KerasFile) -> None:
    def tensor(name: str) -> dict[str, Any]:
        config = {"shape": [None, 3], "dtype": "float32", "keras_history": [name, 0, 0]}
        return {"class_name": "__keras_tensor__", "config": config}

    part = {"class_name": "__slice__", "config": {"start": 1, "stop": None, "step": None}}
    whole = {"class_name": "__ellipsis__", "config": {}}
    constant = {"class_name": "__numpy__", "config": {"value": [1.0, 2.0], "dtype": "float32"}}
    add = keras_object("keras.src.ops.numpy", "Add", name="add")
    add["registered_name"] = "Add"
    add["inbound_nodes"] = [{"args": [tensor("dense"), constant], "kwargs": {}}]
    item = keras_object("keras.src.ops.numpy", "GetItem", name="get_item")
    item["inbound_nodes"] = [{"args": [tensor("add"), [whole, part]], "kwargs": {"mask": None}}]
    keras_file.layers[2:2] = [add, item]
    keras_file.config.update(
        module="keras.src.models.functional",
        class_name="Functional",
        registered_name="Functional",
    )
    keras_file.config["config"].update(
        input_layers={"age": ["input_layer", 0, 0]}, output_layers=[["out", 0, 0]]
    )
    summary = check_model_file(keras_file.write())
    assert [layer.class_name for layer in summary.layers][2:4] == ["Add", "GetItem"]


def test_sizes_add_up(keras_file: KerasFile) -> None:
    limits = ModelLimits(parameters_max=1000)
    for number in range(4):
        keras_file.add_layer(dense(f"x{number}", 300))
    assert "declares parameters, with those before it, 1,203 or more" in (
        refusal(keras_file, limits).public_message
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[]", "is not a model's configuration"),
        (b'"x"', "is not a model's configuration"),
        (b"[" * 1_000_000, "is nested too deeply"),
        (b'{"a":' * 100_000, "is nested too deeply"),
        (b"1" * 100_000, "is not JSON"),
        (b'{"class_name": "Sequential", "class_name": "Lambda"}', "names a key twice"),
    ],
)
def test_refuses_what_is_no_configuration(keras_file: KerasFile, data: bytes, said: str) -> None:
    keras_file.replaced["config.json"] = data
    assert said in refusal(keras_file).public_message


def test_bounds_the_depth(keras_file: KerasFile) -> None:
    nested: Any = 1
    for _ in range(150):
        nested = [nested]
    keras_file.add_layer(layer("Dense", "x", units=nested))
    assert "nested too deeply" in refusal(keras_file).public_message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["class_name", "config", "module", "layers", "name", "compile_config", "loss", "x"]
            ),
            inner | st.sampled_from(["Sequential", "keras", "Dense", "function", "__slice__"]),
            max_size=5,
        )
    ),
    max_leaves=15,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(document=st.dictionaries(st.text(max_size=5), JSON) | JSON, as_model=st.booleans())
def test_any_json_is_judged_without_another_error(document: Any, as_model: bool) -> None:
    if as_model:
        document = {**keras_object("keras", "Sequential", layers=[document]), "build_config": {}}
    with contextlib.suppress(ModelFileError):
        parsed = parse_config(json.dumps(document).encode())
        ConfigWalk(allowlist(), ModelLimits()).walk(parsed)
        summarise(parsed)
