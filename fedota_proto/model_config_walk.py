"""The walk of a model's config.json against the allowlist, compile configuration included.

Whatever Keras would turn into an object, look up by name, or open is judged here before Keras sees
it; what is not on the list is refused. ``safe_mode`` alone does not do that (CVE-2025-1550,
CVE-2025-8747, CVE-2025-9906, CVE-2025-12058).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from fedota_proto.keras_allowlist import Allowlist
from fedota_proto.model_config import COMPILE_LINE, name_of, refuse
from fedota_proto.model_limits import ModelLimits
from fedota_proto.toml_reader import shown

_TEXT_MAX = 1000
_FORMULA = re.compile(r"[A-Za-z0-9_ .,>()\-]{1,200}")
_OBJECT_KEYS = frozenset(
    {
        "module",
        "class_name",
        "config",
        "registered_name",
        "shared_object_id",
        "build_config",
        "compile_config",
        "name",
        "inbound_nodes",
    }
)
_COMPILE_KEYS = frozenset(
    {
        "optimizer",
        "loss",
        "loss_weights",
        "metrics",
        "weighted_metrics",
        "run_eagerly",
        "steps_per_execution",
        "jit_compile",
        "auto_scale_loss",
    }
)
# In these, an object's keys are names that the model's author chose.
_NAMED_OUTPUTS = frozenset({"loss", "metrics", "weighted_metrics", "input_layers", "output_layers"})
_OPENS = frozenset({"vocabulary", "idf_weights", "file", "filename", "filepath", "path", "url"})


class ConfigWalk:
    """Walks one config.json.

    Parameters
    ----------
    allowed
        What may be named.
    limits
        How deep and how large it may be.
    """

    def __init__(self, allowed: Allowlist, limits: ModelLimits) -> None:
        self._allowed = allowed
        self._limits = limits
        self._all_words = allowed.all_words()
        self._declared = 0

    def walk(self, document: Mapping[str, Any]) -> None:
        """Judge a whole configuration.

        Parameters
        ----------
        document
            As `parse_config` returns it.

        Raises
        ------
        ModelFileError
            At the first thing that is not allowed; `place` names the layer or key.
        """
        root = document.get("class_name")
        if root not in ("Sequential", "Functional"):
            refuse(
                "config.json",
                f"the model is {_a_class(root)}; only Sequential and functional models, made of "
                "Keras's own layers, can be trained here: rebuild it with keras.Sequential or "
                "keras.Model(inputs, outputs)",
            )
        self._object(document, "model", "the model", 0)

    def _value(self, value: Any, key: str, place: str, depth: int) -> None:
        if depth > self._limits.config_depth_max:
            refuse(place, f"config.json is nested too deeply in {place}; no real model is")
        if isinstance(value, str):
            self._text(value, key, place)
        elif isinstance(value, dict):
            if "class_name" in value:
                self._object(value, key, place, depth)
            else:
                self._mapping(value, key, place, depth)
        elif isinstance(value, list):
            if key in self._allowed.size_keys:
                self._size(math.prod(n for n in value if _is_size(n)), f"{key} of", place)
            if key in self._allowed.lists_of_texts and all(isinstance(v, str) for v in value):
                return
            for one in value:
                self._value(one, key, place, depth + 1)
        elif key in self._allowed.size_keys and _is_size(value):
            self._size(value, f"{key} =", place)

    def _mapping(self, value: dict[str, Any], key: str, place: str, depth: int) -> None:
        for name, one in value.items():
            if len(name) > _TEXT_MAX or not name.isprintable():
                refuse(place, f"{place} holds a key that is no name: {shown(name)}")
            self._value(one, key if key in _NAMED_OUTPUTS else name, place, depth + 1)

    def _size(self, size: int, what: str, place: str) -> None:
        if size > self._limits.parameters_max:
            refuse(
                place,
                f"{place} declares {what} {size:,} or more, but a model may have at most "
                f"{self._limits.parameters_max:,} parameters; make it smaller",
            )

    def _text(self, value: str, key: str, place: str) -> None:
        words = self._allowed.names_at(key)
        if key == "args":
            words = self._all_words
        if words is not None:
            if value in words:
                return
            refuse(
                place,
                f"{place} has {shown(value)} as its {key}, which is none of Keras's own that are "
                "allowed here; use a built-in one by its name",
            )
        if key in self._allowed.texts:
            if len(value) <= _TEXT_MAX and value.isprintable():
                return
            refuse(place, f"{place} has a {key} that is no name: {shown(value)}")
        if key in self._allowed.formulas and _FORMULA.fullmatch(value):
            return
        if key in _OPENS:
            refuse(
                place,
                f"{place} has the text {shown(value)} as its {key}, and Keras would open that "
                "file or address; put the values themselves into the layer and save it again",
            )
        refuse(
            place,
            f"{place} has the text {shown(value)} at {shown(key)}, which is not known to be "
            "harmless; leave that setting at its default",
        )

    def _object(self, value: Mapping[str, Any], key: str, place: str, depth: int) -> None:
        class_name = value["class_name"]
        if not isinstance(class_name, str) or "config" not in value:
            refuse(place, f"{place} holds an object without a class or a configuration")
        if class_name.startswith("__") or class_name == "function":
            self._special(value, class_name, key, place, depth)
            return
        config = value["config"]
        name = name_of(value)
        is_layer = key in ("layers", "layer", "backward_layer", "cell", "cells", "model")
        if is_layer and name and key != "model":
            place = f"layer {shown(name)}" if place == "the model" else f"{place}, {shown(name)}"
        elif key != "model":
            place = f"{place}, {key} {class_name}" if class_name.isprintable() else place
        self._judge_class(value, class_name, place)
        if not isinstance(config, dict):
            refuse(place, f"{place} has no configuration")
        strange = sorted(set(value) - _OBJECT_KEYS)
        if strange:
            refuse(place, f"{place} has the key {shown(strange[0])}, which Keras does not write")
        if class_name == "DTypePolicy":
            self._text(str(config.get("name")), "dtype", place)
        self._mapping(config, "config", place, depth + 1)
        self._count(config, place)
        self._value(value.get("name"), "name", place, depth + 1)
        self._value(value.get("build_config"), "build_config", place, depth + 1)
        self._nodes(value.get("inbound_nodes"), place, depth + 1)
        self._compile(value.get("compile_config"), place, depth + 1)

    def _judge_class(self, value: Mapping[str, Any], class_name: str, place: str) -> None:
        module = value.get("module")
        if not isinstance(module, str):
            refuse(
                place,
                f"{place} is {_a_class(class_name)} of the author's own, whose code is not in the "
                "file; only Keras's own classes are allowed: use those",
            )
        registered = value.get("registered_name")
        if class_name in self._allowed.classes.get(module, ()):
            if registered is None or registered == class_name:
                return
            refuse(
                place,
                f"{place} is registered as {shown(registered)}, a class of the author's own; only "
                "Keras's own classes are allowed: use those",
            )
        if class_name == "Lambda":
            refuse(
                place,
                f"{place} is a Lambda layer, which carries Python code; replace it by Keras's own "
                "layers or operations, such as keras.ops",
            )
        if module.split(".")[0] != "keras":
            refuse(
                place,
                f"{place} is {_a_class(class_name)} from {shown(module)}, not from Keras; only "
                "Keras's own classes are allowed: use those",
            )
        refuse(
            place,
            f"{place} is {_a_class(class_name)} from {shown(module)}, which is not on the list "
            "of what models may use here; replace it by another of Keras's layers",
        )

    def _special(
        self, value: Mapping[str, Any], class_name: str, key: str, place: str, depth: int
    ) -> None:
        config = value["config"]
        if class_name == "function":
            refuse(
                place,
                f"{place} has the function {shown(config)} as its {key}; functions are not "
                f'allowed: give a built-in one by its name, as {key}="…"',
            )
        if class_name == "__lambda__":
            refuse(
                place,
                f"{place} has a lambda as its {key}, which carries Python code; give a built-in "
                f'one by its name, as {key}="…"',
            )
        if isinstance(config, dict) and set(value) <= {"class_name", "config"}:
            keys = set(config)
            if class_name == "__ellipsis__" and not keys:
                return
            if class_name == "__slice__" and keys == {"start", "stop", "step"}:
                self._mapping(config, class_name, place, depth + 1)
                return
            if class_name == "__keras_tensor__" and keys == {"shape", "dtype", "keras_history"}:
                self._mapping(config, class_name, place, depth + 1)
                return
            if class_name in ("__numpy__", "__tensor__") and keys == {"value", "dtype"}:
                self._mapping(config, class_name, place, depth + 1)
                return
        refuse(
            place,
            f"{place} holds {_a_class(class_name)}, which is not on the list of what models may "
            "use here; build that part of Keras's own layers",
        )

    def _nodes(self, nodes: Any, place: str, depth: int) -> None:
        if nodes is None:
            return
        if not isinstance(nodes, list):
            refuse(place, f"{place} has no list of the layers before it")
        for node in nodes:
            if not isinstance(node, dict) or set(node) != {"args", "kwargs"}:
                refuse(
                    place,
                    f"{place} is connected as in Keras 2; load the model and save it with Keras 3",
                )
            self._value(node["args"], "args", place, depth + 1)
            self._value(node["kwargs"], "kwargs", place, depth + 1)

    def _compile(self, compiled: Any, place: str, depth: int) -> None:
        if compiled is None:
            return
        place = "the compilation" if place == "the model" else f"{place}, its compilation"
        if not isinstance(compiled, dict) or not set(compiled) <= _COMPILE_KEYS:
            refuse(
                place,
                f"{place} has a setting that Keras does not write; compile with "
                f"{COMPILE_LINE} and save again",
            )
        self._mapping(compiled, "compile_config", place, depth)

    def _count(self, config: Mapping[str, Any], place: str) -> None:
        """Add the fewest parameters that an object must have by its own sizes."""
        outputs = [config[k] for k in ("units", "filters", "output_dim") if _is_size(config.get(k))]
        if not outputs:
            return
        least = outputs[0]
        if "filters" in config and isinstance(config.get("kernel_size"), list):
            least *= math.prod(n for n in config["kernel_size"] if _is_size(n))
        if "output_dim" in config and _is_size(config.get("input_dim")):
            least *= config["input_dim"]
        self._declared += least
        self._size(self._declared, "parameters, with those before it,", place)


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _a_class(class_name: Any) -> str:
    return f"a class {shown(class_name)}" if isinstance(class_name, str) else "of no named class"
