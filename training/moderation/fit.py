"""Fits the heads."""

import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from parley.moderation.model import Category
from parley.moderation.onnx.heads import HARMFUL, TOXIC, Head
from training.moderation.data import Example
from training.moderation.dataset import Dataset

# What a head reads: the last block's mean, and for toxic language, which is a matter of words, the middle block's too. (For
# harmful requests the middle block raises the figures on known sources and lowers them on unknown ones: it knows the source by
# its manner.)
DIMENSIONS = {TOXIC: 768, HARMFUL: 384}
_MEMBERS = 3
_UNITS = 32
_L2 = 1.0
_EPOCHS = 12
# By source: labels of little worth, one-sided sets and templates weigh less, the small varied sets more.
_WEIGHTS: Mapping[str, float] = {
    "harmfulqa": 0.5,  # many of its questions are harmless
    "donotanswer_informati": 0.3,  # "does Overleaf develop anything in secret?"
    "donotanswer_discrimin": 0.3,
    "openai_mod": 2,
    "surge": 2,
    "wikidetox": 2,
    "templ_tox": 0.4,
    "templ_non": 0.4,
    "dav_neither": 0.7,
    "dav_off": 0.5,
    "oasst": 3,  # nearest to what people ask an assistant
    "written_harmless": 2,
    "written_harmful": 1.5,
    "written_foreign": 3,
    "written_people": 1.5,
}


def learns(head: str, example: Example) -> bool:
    """Whether a head learns from an example. What is toxic does not say whether it asks for harm, nor the other way round."""
    if example.kind == "neutral":
        return True
    if head == TOXIC:
        return example.kind == "toxic"
    return example.kind == "harmful" or (example.label == 0 and example.source != "dav_neither")


def rows_of(head: str, data: Dataset) -> NDArray[np.bool_]:
    """The examples that a head learns from, before any is left out: those that are not held out."""
    return np.array([learns(head, each) for each in data.examples]) & ~data.held_out


def fit_head(head: str, data: Dataset, rows: NDArray[np.bool_], seed: int) -> Head:
    """A head, fitted to all windows of `rows`; the windows of one text weigh as much as one.

    It is the mean of several small networks, whose luck differs: side by side they are one hidden layer.
    """
    seen = rows[data.windows.text_of]
    weights = np.array([_WEIGHTS.get(each.source, 1.0) for each in data.examples]) / data.windows.counts
    labels = data.labels[data.windows.text_of][seen]
    features = data.windows.features[:, : DIMENSIONS[head]][seen]
    networks = [
        _fit_network(features, labels, weights[data.windows.text_of][seen], seed + member) for member in range(_MEMBERS)
    ]
    hidden = np.concatenate([each.coefs_[0] for each in networks], axis=1)
    hidden_bias = np.concatenate([each.intercepts_[0] for each in networks])
    out = np.concatenate([each.coefs_[1][:, 0] for each in networks]) / _MEMBERS
    out_bias = float(np.mean([each.intercepts_[1][0] for each in networks]))
    return Head(_half(hidden), _half(hidden_bias), _half(out), float(np.float16(out_bias)))


def fit_kinds(data: Dataset) -> dict[Category, NDArray[np.float32]]:
    """A logistic head for each category that people judged; texts that nobody could object to are no example of any."""
    known = [Category(name) for name in sorted({name for each in data.examples for name in each.categories or ()})]
    texts = data.windows.features[data.windows.firsts, : DIMENSIONS[HARMFUL]]
    easy = data.of("oasst", "nq", "surge", "wikidetox") & (data.labels == 0)
    kinds: dict[Category, NDArray[np.float32]] = {}
    for kind in known:
        judged = np.array([-1 if each.categories is None else each.categories.get(kind, -1) for each in data.examples])
        judged[easy] = 0
        rows = (judged >= 0) & ~data.held_out
        model = LogisticRegression(C=0.1, class_weight="balanced", max_iter=500).fit(texts[rows], judged[rows])
        kinds[kind] = _half(np.append(model.coef_[0], model.intercept_))
    return kinds


def _fit_network(features: NDArray, labels: NDArray, weights: NDArray, seed: int) -> MLPClassifier:
    network = MLPClassifier(
        (_UNITS,),
        alpha=_L2,
        batch_size=256,  # pyright: ignore[reportArgumentType]
        learning_rate_init=1e-3,
        max_iter=_EPOCHS,
        n_iter_no_change=_EPOCHS,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # It says that it did not converge: to stop after a number of epochs is the plan.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return network.fit(features, labels, sample_weight=weights)


def _half(values: NDArray) -> NDArray[np.float32]:
    """As they are stored: what is measured is what is shipped."""
    return values.astype(np.float16).astype(np.float32)
