"""A model as a table of layers."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.views import ModelView
from ui.parts.small_table import show_table
from ui.parts.words import count, joined, number, plain, size_words


def model_words(model: ModelView) -> str:
    """Say in a sentence what a model is."""
    words = (
        f"{count(len(model.layers), 'layer')}, {count(model.parameters, 'parameter')} in "
        f"{count(len(model.arrays), 'array')} ({size_words(model.size_bytes)} an update)"
    )
    if model.optimizer:
        words += f"; trained with {model.optimizer}, loss {model.loss}"
    others = [name for name in model.metrics if name != "loss"]
    if others:
        words += f", measuring {joined(others)}"
    return f"{words}."


def show_model(model: ModelView) -> None:
    """Show the sentence, the layers, and the arrays that travel."""
    st.markdown(plain(model_words(model)))
    show_table(
        ("layer", "Keras class", "output", "parameters"),
        [
            (
                layer.name,
                layer.type,
                layer.shape or "–",
                "–" if layer.parameters is None else number(layer.parameters),
            )
            for layer in model.layers
        ],
        "The model's layers",
    )
    with st.expander(f"The {count(len(model.arrays), 'array')} that travel"):
        show_table(
            ("array", "type", "shape", "what it is"),
            [
                (
                    array.name,
                    array.dtype,
                    " × ".join(map(str, array.shape)) or "one number",
                    "trained" if array.trainable else "statistics",
                )
                for array in model.arrays
            ],
            "The arrays that clients send",
        )
    version = f", saved by Keras {model.keras_version}" if model.keras_version else ""
    st.caption(
        f"{plain(model.name)}, {size_words(model.file_bytes)}{plain(version)}  \n"
        f"SHA-256 `{model.sha256}`"
    )
