"""Texts as a kind of input: of a data set, or the user's own; described, read anew, exported."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from keras_recipes.data import columns, csv_reader, own_table
from keras_recipes.data.splits import Split, Splits
from keras_recipes.data.texts import own_texts
from keras_recipes.errors import InputError
from keras_recipes.features import kind, parts, texts
from keras_recipes.features.baselines import Baseline, Rows
from keras_recipes.features.texts import Tokens
from keras_recipes.problems import Problem

if TYPE_CHECKING:
    from rich.table import Table
    from scipy import sparse

NUM_TERMS = 20  # of each class, in the report
TEXTS_FOR_TERMS = 5_000  # spread over the test texts
TERMS_OF_TEXT = 100  # that a linear model learns a text by, about
# Letters with their marks, which Python takes for no letters; and pictograms, each by itself.
_LETTER = r"(?:[^\W_]|(?![\u060c\u061b\u061f\u0964\u0965])[\u0300-\u036f\u0590-\u1cff])"
WORD = rf"{_LETTER}+(?:'{_LETTER}+)*|[!?\u2600-\u27bf\U0001f000-\U0001faff]"


class _OfTexts(kind.Kind):
    """What both kinds of texts share."""

    @property
    def text_columns(self) -> Sequence[str]:
        """The columns that hold the texts."""
        raise NotImplementedError

    @property
    def tokens(self) -> Tokens:
        """What the baselines divide texts into."""
        raise NotImplementedError

    @property
    def takes(self) -> str:
        """What `predict` takes, for messages."""
        named = ", ".join(self.text_columns)
        return f"a table with the column {named}, a .txt file or a folder of .txt files"

    def attach(self, model: keras.Model) -> None:
        """Set how the model takes its inputs: encoded first."""
        parts.attach(model, texts.TextParts)

    def refuse(self, given: pd.DataFrame | np.ndarray) -> None:
        """Raise InputError for an array."""
        if isinstance(given, np.ndarray):
            raise InputError(
                f"received an array of shape {given.shape}, expected {self.takes}; give a "
                "pandas.DataFrame"
            )

    def read(self, path: Path) -> kind.NewInputs:
        """Read a .txt file, a folder of such, or a table with the texts' columns."""
        names = self.text_columns
        if (found := own_texts.read_new(path, names)) is not None:
            return kind.NewInputs(found[["input"]], found[[*names]])
        return self.read_table(path)

    def read_table(self, path: Path) -> kind.NewInputs:
        """Read a table."""
        raise NotImplementedError

    def differences(self, model: keras.Model, x: pd.DataFrame) -> Iterator[str]:
        """Return how many texts are empty: training left such out."""
        if empty := int((own_texts.joined(x).str.strip() == "").sum()):
            yield f"{empty} of {len(x)} texts are empty; their predictions mean nothing"

    def example(self) -> pd.DataFrame:
        """Return one row with an empty text."""
        return pd.DataFrame({name: [""] for name in self.text_columns}, dtype=columns.text_dtype())

    def signatures(self) -> Mapping[str, kind.Signature]:
        """Return a string for each text as the input."""
        names = self.text_columns
        spec = tf.TensorSpec((None,), tf.string, name=texts.TEXT)
        joined = ", joined by line breaks" if len(names) > 1 else ""
        described = {texts.TEXT: f"the text in UTF-8 (column {', '.join(names)}{joined})"}
        return {"serve": kind.Signature(_decoded, spec, described)}

    def describe_inputs(self, model: keras.Model) -> dict[str, dict[str, Any]]:
        """Return the columns, and what is done with a text before it is a string for the model."""
        steps = texts.steps(texts.TextParts(model).tokens)
        return {texts.TEXT: {"columns": [*self.text_columns], "steps before": steps}}

    def numeric(self, model: keras.Model) -> kind.Numeric:
        """Return the network behind the vocabulary: it takes the numbers of a text's terms."""
        halves = texts.TextParts(model)
        (_, width), layer = halves.network.input_shape, halves.vocabulary
        encoding = texts.described(halves)
        taken = kind.NumericInput(
            (width,), "int32", 0, layer.vocabulary_size() - 1, {"terms": encoding["takes"]}
        )

        def encode(x: Any) -> dict[str, np.ndarray]:
            return {"terms": texts.run(halves.encoder, halves.as_inputs(x))}

        def outputs(given: Mapping[str, Any]) -> tf.Tensor:
            return halves.network(given["terms"], training=False)

        return kind.Numeric({"terms": taken}, outputs, encode, encoding)

    def baselines(self, problem: Problem, train: Any) -> Sequence[Baseline]:
        """Return linear models on TF-IDF and on ratios of frequencies."""
        tf_idf = functools.partial(_tf_idf, tokens=self.tokens)
        if problem.is_regression:
            return [Baseline("ridge_on_tf_idf", "linear", tf_idf, num_values=TERMS_OF_TEXT)]
        found = [Baseline("svm_on_tf_idf", "margin", tf_idf, num_values=TERMS_OF_TEXT)]
        if problem.rule.kind == "binary":
            ratios = functools.partial(_ratios, tokens=self.tokens)
            name = "logistic_regression_on_nb_weights"
            found.append(Baseline(name, "linear", ratios, num_values=TERMS_OF_TEXT))
        return found

    def terms(
        self, problem: Problem, model: keras.Model, x: Any
    ) -> dict[str, list[tuple[str, float]]]:
        """Return the terms that speak most for each class, with their mean effect on its score."""
        few = x.iloc[:: -(-len(x) // TEXTS_FOR_TERMS)]
        found = texts.TextParts(model).speaking(few, NUM_TERMS)
        names = problem.class_names or ("lower", "higher")
        return dict(zip(names, found, strict=True)) if found else {}

    def shown(self, x: Any) -> Sequence[str]:
        """Return what a person reads of each input."""
        return own_texts.joined(x).tolist()


@dataclasses.dataclass(frozen=True)
class Texts(_OfTexts):
    """Texts of a data set.

    Attributes:
        columns: Of the table that holds them.
        by: What the baselines divide them into: words or characters.
    """

    NAME: ClassVar[str] = "texts of a data set"

    columns: tuple[str, ...]
    by: str = "words"

    @classmethod
    def of(cls, splits: Splits) -> Self | None:
        """Return what the texts are; None for other splits."""
        x = splits.train.x
        if not isinstance(x, pd.DataFrame) or isinstance(splits.source, own_table.Source):
            return None
        if not (x.dtypes == columns.text_dtype()).all():
            return None
        sample = x.iloc[:: -(-len(x) // own_texts.SAMPLE), 0]
        return cls(tuple(x.columns), own_texts.by_script(sample))

    def check(self) -> None:
        """Raise ValueError where there is no column."""
        if not self.columns or self.by not in ("words", "characters"):
            raise ValueError("texts: expected columns, and words or characters")

    @property
    def text_columns(self) -> Sequence[str]:
        """The columns that hold the texts."""
        return self.columns

    @property
    def tokens(self) -> Tokens:
        """What the baselines divide texts into."""
        return "words" if self.by == "words" else "characters"

    def read_table(self, path: Path) -> kind.NewInputs:
        """Read a table with the columns of the texts."""
        frame, _ = csv_reader.read(path)
        found = columns.infer(frame.reindex(columns=[*self.columns]), drop=self.columns)
        used = [dataclasses.replace(one, kind="text") for one in found]
        if absent := [name for name in self.columns if name not in frame.columns]:
            raise InputError(
                f"{path}: missing columns: {', '.join(absent)}; {columns.listed(frame.columns)}"
            )
        numbers = pd.DataFrame({"input": range(1, len(frame) + 1)})
        return kind.NewInputs(numbers, columns.convert(frame, used))


@dataclasses.dataclass(frozen=True)
class OwnTexts(_OfTexts):
    """Texts that `own_texts.read` has read.

    Attributes:
        texts: What was made of the files.
    """

    NAME: ClassVar[str] = "texts"

    texts: own_texts.Source

    @classmethod
    def of(cls, splits: Splits) -> Self | None:
        """Return what the texts are; None for other splits."""
        source = splits.source
        return cls(source) if isinstance(source, own_texts.Source) else None

    def check(self) -> None:
        """Raise ValueError where no column holds texts."""
        own_table.example(self.texts)
        if not self.texts.text_columns:
            raise ValueError("texts: expected a column of texts")

    @property
    def unit(self) -> str:
        """Unit of the target, as the file names it; empty where it names none."""
        return self.texts.target_notation.unit or ""

    @property
    def text_columns(self) -> Sequence[str]:
        """The columns that hold the texts."""
        return self.texts.text_columns

    @property
    def tokens(self) -> Tokens:
        """What the baselines divide texts into."""
        return self.texts.tokens

    def describe(self) -> Iterator[Table | str]:
        """Return what was seen in the texts, and what was done about it."""
        yield kind.table_of_findings(*own_texts.table(self.texts), "texts")
        yield "to change this: --text COLUMN --tokens words|characters --group COLUMN"

    def read_table(self, path: Path) -> kind.NewInputs:
        """Read a table as that of the training was read."""
        rows = own_table.read_rows(path, self.texts)
        return kind.NewInputs(rows.names, rows.x, rows.y)


def _decoded(given: tf.Tensor) -> tf.Tensor:
    """Return strings in sound UTF-8, each a row."""
    return tf.strings.unicode_transcode(given, "UTF-8", "UTF-8")[:, None]


def _counted(
    train: Split, x_test: pd.DataFrame, tokens: Tokens
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return which terms training and test texts hold: of 0 and 1, (rows, terms)."""
    from sklearn.feature_extraction.text import CountVectorizer

    def count() -> tuple[Any, Any]:
        by = {"token_pattern": WORD, "ngram_range": (1, 2)}
        strings = own_texts.joined(train.x)
        if tokens == "characters" or not any(re.search(WORD, one) for one in strings):
            by = {"analyzer": "char", "ngram_range": (1, 4)}
        few = 2 if len(train) > 100 else 1
        counter = CountVectorizer(
            binary=True, min_df=few, max_features=200_000, dtype="float32", **by
        )
        return counter, counter.fit_transform(strings)

    counter, x = train.once(("terms", tokens), count)
    return x, counter.transform(own_texts.joined(x_test))


def _tf_idf(train: Split, x_test: pd.DataFrame, tokens: Tokens) -> Rows:
    """Return TF-IDF of the terms, each row of length 1."""
    from sklearn.feature_extraction.text import TfidfTransformer

    x, x_test = _counted(train, x_test, tokens)
    weights = TfidfTransformer().fit(x)
    return Rows(weights.transform(x), [weights.transform(x_test)])


def _ratios(train: Split, x_test: pd.DataFrame, tokens: Tokens) -> Rows:
    """Return, for each term of a text, the log of the ratio of its frequencies in both classes."""
    x, x_test = _counted(train, x_test, tokens)
    is_second = np.ravel(train.y) == 1
    counts = [np.asarray(x[rows].sum(axis=0)).ravel() + 1 for rows in (is_second, ~is_second)]
    ratios = np.log(counts[0] / counts[0].sum()) - np.log(counts[1] / counts[1].sum())
    scaled = [one.multiply(ratios.astype("float32")).tocsr() for one in (x, x_test)]
    return Rows(scaled[0], [scaled[1]])
