"""Where in a ``.keras`` file each variable of a model is saved."""

from __future__ import annotations

from typing import Any

from keras.src.saving import saving_lib
from keras.src.saving.keras_saveable import KerasSaveable
from keras.src.utils import naming


def walk_saved_state(model: Any) -> tuple[dict[str, Any], list[Any]]:
    """Find every variable under the path that Keras saves it under.

    Keras has no public way from a path in the weights file to the variable. This is its own walk
    (``saving_lib._save_state``), which hands each object a store; here the store is a dictionary
    that keeps the variables themselves. A test holds it against saved files.

    Parameters
    ----------
    model
        A built Keras model.

    Returns
    -------
    dict
        What each object saves, by path, as ``layers/dense/vars/0``, in the model's order.
    list
        Every object that was walked, each once.
    """
    found: dict[str, Any] = {}
    visited: dict[int, Any] = {}

    def walk(saveable: Any, path: str) -> None:
        if id(saveable) in visited:
            return
        visited[id(saveable)] = saveable
        own: dict[str, Any] = {}
        if hasattr(saveable, "save_own_variables"):
            saveable.save_own_variables(own)
        found.update({f"{path}vars/{key}": value for key, value in own.items()})
        for attribute, child in saving_lib._walk_saveable(saveable):
            if isinstance(child, KerasSaveable):
                walk(child, f"{path}{attribute}/")
            elif isinstance(child, list | dict | tuple):
                walk_container(child, f"{path}{attribute}/")

    def walk_container(container: Any, path: str) -> None:
        if id(container) in visited:
            return
        visited[id(container)] = container
        used: dict[str, int] = {}
        for child in container.values() if isinstance(container, dict) else container:
            if isinstance(child, KerasSaveable):
                name = naming.to_snake_case(type(child).__name__)
                walk(child, f"{path}{saving_lib._get_unique_name(name, used)}/")
            elif isinstance(child, list | dict | tuple):
                walk_container(child, f"{path}{saving_lib._get_unique_name('container', used)}/")

    walk(model, "")
    return found, [one for one in visited.values() if isinstance(one, KerasSaveable)]
