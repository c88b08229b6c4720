"""Texts of the user's own, as rows to learn from: which column or files, with which target.

Rows, shape, source and licence are the user's; `read` says what it made of them.
"""

import dataclasses
import functools
import hashlib
import logging
import pathlib
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from keras_recipes import reading
from keras_recipes.data import (
    cells,
    columns,
    findings,
    own_table,
    splits,
    targets,
    text_files,
)
from keras_recipes.data.findings import Finding
from keras_recipes.data.folders import labels, listing
from keras_recipes.data.synthetic import sentences
from keras_recipes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_logger = logging.getLogger(__name__)

Tokens = Literal["auto", "words", "characters"]
Chosen = Literal["words", "characters"]

_MIN_ROWS = 20
_MAX_GROUP = 0.2  # of all texts; equal texts that join groups to more are not kept together
# What copies of a text may differ in. Marks of vowels and pictograms stay: they tell texts apart.
_NO_LETTERS = re.compile(
    r"[\s\d_!-/:-@\[-`{-~\u00a0-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf"
    r"\u2000-\u200b\u200e-\u206f\u3000-\u303f\uff00-\uff0f\uff1a-\uff20]+"
)
_ENDINGS = (".txt", ".text", ".md", "")  # the last in folders alone
SAMPLE = 2_000
_MIN_FRACTION = 0.01  # of the letters, of a script that is shown
_LEAKS = (("train", "test"), ("validation", "test"), ("train", "validation"))
# Letters of scripts without blanks between words, and Hangul, whose words take many endings.
_SCRIPTS = {
    "Latin": r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]",
    "Hangul": r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]",
    "Han": r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]",
    "Kana": r"[\u3040-\u30ff]",
    "Thai": r"[\u0e00-\u0e7f]",
    "Lao, Khmer or Burmese": r"[\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f]",
    "Cyrillic": r"[\u0400-\u052f]",
    "Greek": r"[\u0370-\u03ff]",
    "Arabic": r"[\u0600-\u06ff\u0750-\u077f]",
    "Hebrew": r"[\u0590-\u05ff]",
    "Devanagari": r"[\u0900-\u097f]",
}
_BY_CHARACTERS = ("Hangul", "Han", "Kana", "Thai", "Lao, Khmer or Burmese")


@dataclasses.dataclass(frozen=True)
class Source(own_table.Source):
    """Where texts came from, and what was made of them.

    Attributes:
        tokens: What a text is divided into: words or characters.
        seen: What was seen, and what was done about it.
    """

    tokens: Chosen = "words"
    seen: tuple[Finding, ...] = ()

    @property
    def note(self) -> str:
        """What to say where no texts were given."""
        return f"NOTE: these are {self.name}. For your own texts, use --csv FILE (in Python: csv)."

    @property
    def text_columns(self) -> list[str]:
        """The columns that are learned from."""
        return [column.name for column in self.columns if column.kind == "text"]


@dataclasses.dataclass(frozen=True, eq=False)
class Texts(own_table.Table):
    """What there is to learn.

    Attributes:
        parts: The part of each row, as the folders say; None to split at random.
    """

    parts: tuple[str, ...] | None = None

    def split(self, seed: int) -> splits.Splits:
        """Divide into train, validation and test rows, by the folders or by the seed.

        Equal texts stay together.
        """
        if self.parts is None:
            return super().split(seed)
        rows = splits.Split(self.x, self.y, self.groups)
        return splits.as_given(rows, self.parts, self.source, seed)


def source_of(data: splits.Splits) -> Source:
    """Return the source of splits that `Texts.split` made.

    Raises:
        InputError: If the splits are of other rows.
    """
    if not isinstance(data.source, Source):
        raise InputError(f"{data.source.name}: received no texts from `own_texts.read`")
    return data.source


def read(
    path: "str | pathlib.Path | pd.DataFrame | None",
    target: str | None,
    *,
    text: Iterable[str] = (),
    problem: Literal["auto"] | targets.Kind = "auto",
    header: bool = True,
    encoding: str | None = None,
    group: str | None = None,
    tokens: Tokens = "auto",
) -> Texts:
    """Read texts and their targets.

    Args:
        path: Of a delimited text file or a DataFrame with a column of texts; or of a folder with
            one subfolder of .txt files per class, or with train and test folders of these. None
            computes sentences.
        target: Column to predict; of a folder none.
        text: Columns of the texts; several are joined. None: the column of the longest texts.
        problem: Kind of problem, or "auto" to decide by the target.
        header: Whether the first row names the columns.
        encoding: Of the files, such as cp949; None to find out.
        group: Column that names what several rows belong to; rows of one value stay in one split.
        tokens: What a text is divided into; "auto": by its script.

    Returns:
        The texts.

    Raises:
        InputError: The files, the target or a column cannot serve.
    """
    if path is None:
        if wanted := _first({"--target": target, "--text": text, "--group": group}):
            raise InputError(f"{wanted}: no texts are given; give a file, --csv FILE.")
        origin = splits.Source(
            "synthetic opinions", "built-in", "computed", "that of this repository"
        )
        drawn = sentences.draw(), sentences.TARGET, (sentences.TEXT,)
        return _make(*drawn, problem, None, tokens, origin, "")
    text = tuple(map(own_table.composed, text))
    if not hasattr(path, "columns") and (place := reading.expanded(pathlib.Path(path))).is_dir():
        of_tables = _first({"--target": target, "--text": text, "--group": group})
        return _of_folder(place, of_tables, problem, encoding, tokens)
    file = own_table.read_file(path, target, header=header, encoding=encoding)
    group = group and own_table.composed(group)
    given = file.frame, file.target, text, problem, group, tokens, file.origin, file.digest
    made = _make(*given, file.dialect.decimal)
    source = dataclasses.replace(made.source, encoding=file.dialect.encoding, header=header)
    return dataclasses.replace(made, source=source)


def _first(flags: dict[str, str | Iterable[str] | None]) -> str:
    """Return the first flag that is given, with its value; "" for none."""
    for flag, value in flags.items():
        if value:
            return f"{flag} {value if isinstance(value, str) else ' '.join(value)}"
    return ""


def _make(
    frame: "pd.DataFrame",
    target: str,
    text: Sequence[str],
    problem: Literal["auto"] | targets.Kind,
    group: str | None,
    tokens: Tokens,
    origin: splits.Source,
    digest: str,
    decimal: str = ".",
) -> Texts:
    """Read the columns of a table; messages begin with the file's name."""
    try:
        if len(frame) < _MIN_ROWS:
            raise InputError(
                f"{len(frame):,} rows, expected at least {_MIN_ROWS}; bring more rows."
            )
        for flag, name in (("--target", target), ("--group", group)):
            if name is not None and name not in frame.columns:
                raise InputError(
                    f"{flag} {name}: there is no such column; {columns.listed(frame.columns, name)}"
                )
        others = frame.drop(columns=[one for one in (target, group) if one is not None])
        text = tuple(text) or (_longest(others, target),)
        if group == target:
            raise InputError(f"--group {group}: is the target as well; choose another column.")
        for name in text:
            if name in (target, group):
                raise InputError(
                    f"--text {name}: is the {'target' if name == target else 'group'} as well; "
                    "name it once."
                )
        goal = targets.read(frame[target], problem, decimal)
        inputs = frame.drop(columns=target)
        left_out = [name for name in inputs.columns if name not in text]
        found = columns.infer(inputs, text=text, drop=left_out, decimal=decimal)
        x = columns.convert(inputs, found)
        groups = None if group is None else frame[group].astype("str")
    except InputError as error:
        raise InputError(f"{origin.name}: {error}") from None
    return _gather(
        *(x, goal, found, origin, digest, tokens, target, tuple(map(str, frame.columns))),
        groups=groups,
        group=group,
    )


def _longest(others: "pd.DataFrame", target: str) -> str:
    """Return the column of the longest texts."""
    import pandas as pd

    texts = [name for name in others if pd.api.types.is_string_dtype(others[name])]
    lengths = {name: others[name].iloc[:SAMPLE].str.len().mean() for name in texts}
    lengths = {name: length for name, length in lengths.items() if length > 0}
    if not lengths:
        raise InputError(
            f"no column of texts to predict {target!r} from; name one by --text COLUMN; "
            f"{columns.listed(others.columns)}"
        )
    return str(max(lengths, key=lengths.__getitem__))


def _of_folder(
    folder: pathlib.Path,
    of_tables: str,
    problem: Literal["auto"] | targets.Kind,
    encoding: str | None,
    tokens: Tokens,
) -> Texts:
    """Read class folders of text files."""
    import pandas as pd

    name = reading.shown(folder.name or folder.resolve().name)
    try:
        if of_tables:
            raise InputError(
                f"{of_tables}: is for a table; the subfolders of a folder are its classes, and "
                "each file is a text; remove the flag."
            )
        given = listing.of_folder(folder, "texts", _ENDINGS)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    texts, entries = [], []
    for entry in given.entries:
        if listing.ending(entry.path.name) not in _ENDINGS:
            given.notes.add("files that are no .txt", "left out", [entry.name])
            continue
        try:
            texts.append(text_files.read_plain(entry.path, encoding))
        except InputError as error:
            reason = str(error).partition(": ")[2]
            given.notes.add("files that cannot be read", f"left out: {reason}", [entry.name])
            continue
        entries.append(entry)
    try:
        if len(texts) < _MIN_ROWS:
            raise InputError(
                f"{len(texts):,} text files, expected at least {_MIN_ROWS}; bring more texts."
            )
        goal = labels.read(entries, None, problem, given.notes, "texts")
        stays = np.isfinite(goal.y)
        frame = pd.DataFrame({sentences.TEXT: texts}, dtype="str")[stays].reset_index(drop=True)
        goal = dataclasses.replace(goal, y=goal.y[stays])
        found = columns.infer(frame, text=(sentences.TEXT,))
        x = columns.convert(frame, found)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    origin = splits.Source(name, "real", "files of the user", "the user's")
    all_of_it = [*(str(entry.label) for entry in entries), *texts]
    digest = hashlib.sha256("\0".join(all_of_it).encode(errors="replace")).hexdigest()
    kept = [entry for entry, is_kept in zip(entries, stays, strict=True) if is_kept]
    parts = np.array([entry.part for entry in kept])
    return _gather(
        *(x, goal, found, origin, digest, tokens, "class", (sentences.TEXT, "class")),
        parts=parts if {*parts} - {"", "train"} else None,
        layout=given.layout,
        notes=given.notes,
        files=[entry.name for entry in kept],
    )


def _gather(
    x: "pd.DataFrame",
    goal: targets.Target,
    found: list[columns.Column],
    origin: splits.Source,
    digest: str,
    tokens: Tokens,
    target: str,
    names: tuple[str, ...],
    *,
    groups: "pd.Series | None" = None,
    group: str | None = None,
    parts: np.ndarray | None = None,
    layout: str = "",
    notes: listing.Notes | None = None,
    files: Sequence[str] | None = None,
) -> Texts:
    """Leave out what cannot be learned from, find what belongs together, and say so."""
    import pandas as pd

    notes = notes or listing.Notes()
    strings = joined(x)
    key = strings.map(letters)
    kept, num_copies = _kept(strings, key, goal.y, parts, notes, files)
    if kept.sum() < _MIN_ROWS:
        raise InputError(
            f"{origin.name}: {kept.sum():,} different texts with a target, expected at least "
            f"{_MIN_ROWS}; bring more texts."
        )
    x, strings, key, y = x[kept], strings[kept], key[kept], goal.y[kept]
    together = _groups(key, None if groups is None else groups[kept], notes)
    if parts is None and together is not None and together.max() < 2:
        by = f" and rows of one {group!r}" if group else ""
        raise InputError(
            f"{origin.name}: {together.max() + 1} groups of texts (texts that differ only in "
            f"digits and punctuation{by} stay in one split), expected at least 3; bring other "
            "texts."
        )
    num_targets = pd.Series(y).groupby(key.to_numpy()).nunique()
    both = strings[key.isin(num_targets.index[num_targets > 1]) & ~key.duplicated()]
    notes.add(
        "equal texts under different targets",
        "kept, in the same split",
        [cells.short(one, 40) for one in both],
    )
    if goal.kind != "regression" and len(np.unique(y)) < 2:
        raise InputError(
            f"{origin.name}: all texts are of one class, {goal.class_names[int(y[0])]!r}; expected "
            "two classes or more; bring texts of another."
        )
    scripts = _scripts(strings)
    chosen = _tokens_of(scripts) if tokens == "auto" else tokens
    shown = (one.name for one in found if one.kind == "text")
    layout = layout or ", ".join(n if len(n) <= 40 else f"{n[:39]}…" for n in shown)
    seen = (
        *findings.of_classes(y, goal.class_names, "texts"),
        *_of_texts(strings, scripts, chosen, tokens == "auto"),
        *findings.of_notes(notes),
        findings.of_split(layout, None if parts is None else parts[kept].tolist(), together),
    )
    source = Source(
        **dataclasses.asdict(origin),
        target=target,
        problem=f"{goal.kind}: {goal.reason}",
        header=True,
        names=names,
        columns=tuple(found),
        num_without_target=int((~np.isfinite(goal.y)).sum()),
        num_copies=num_copies,
        class_names=goal.class_names,
        digest=digest,
        group=group,
        num_groups=0 if together is None else int(together.max()) + 1,
        target_notation=goal.notation,
        tokens=chosen,
        seen=tuple(seen),
    )
    return Texts(
        x.reset_index(drop=True),
        y.astype("float64" if goal.kind == "regression" else "int32"),
        goal.kind,
        source,
        groups=together,
        parts=None if parts is None else tuple(parts[kept].tolist()),
    )


def _kept(
    strings: "pd.Series",
    key: "pd.Series",
    y: np.ndarray,
    parts: np.ndarray | None,
    notes: listing.Notes,
    files: Sequence[str] | None,
) -> tuple[np.ndarray, int]:
    """Return which texts can be learned from, and how many copies are left out; note the others."""
    import pandas as pd

    known, is_empty = np.isfinite(y), (strings.str.strip() == "").to_numpy()
    if (~known).any():
        notes.say("texts without a target", f"{(~known).sum():,} left out")
    if is_empty.any():
        empty = np.flatnonzero(is_empty)
        named = [files[row] if files else f"row {row + 1}" for row in empty.tolist()]
        notes.add("empty texts", "left out", named)
    kept = known & ~is_empty
    equal = pd.DataFrame({"key": strings, "y": y, "part": "" if parts is None else parts})
    again = equal.duplicated(["key", "y", "part"]).to_numpy() & kept
    if again.any():
        examples = strings[again].map(lambda one: cells.short(one, 40)).tolist()
        notes.add("copies, equal to the letter and in the target", "each taken once", examples)
    kept &= ~again
    for early, late in _LEAKS if parts is not None else ():
        there = set(key[kept & (parts == late)])
        leaked = kept & (parts == early) & key.isin(there).to_numpy()
        examples = strings[leaked].map(lambda one: cells.short(one, 40)).tolist()
        notes.add(f"texts of {early} with a copy in {late}", "left out", examples)
        kept &= ~leaked
    return kept, int(again.sum())


def joined(x: "pd.DataFrame") -> "pd.Series":
    """Return the text of each row, those of several columns one after the other."""
    parts = [x.iloc[:, place].astype("object") for place in range(x.shape[1])]
    return functools.reduce(lambda left, right: left + "\n" + right, parts)


def letters(text: str) -> str:
    """Return what two copies of a text share: letters, in lower case."""
    found = _NO_LETTERS.sub(" ", text.casefold()).strip()
    return found or text.strip()


def _groups(
    key: "pd.Series", groups: "pd.Series | None", notes: listing.Notes
) -> np.ndarray | None:
    """Return the group of each text: equal ones, and those of one value of --group, together."""
    import pandas as pd
    from scipy import sparse

    codes, distinct = pd.factorize(key)
    if groups is None:
        return codes if len(distinct) < len(key) else None
    others, values = pd.factorize(groups)
    others[others < 0] = len(values) + np.arange((others < 0).sum())
    size = len(distinct) + int(others.max()) + 1
    edges = np.ones(len(codes)), (codes, len(distinct) + others)
    _, found = sparse.csgraph.connected_components(sparse.coo_array(edges, (size, size)))
    together = found[codes]
    if np.bincount(together).max() > max(_MAX_GROUP * len(codes), np.bincount(others).max()):
        notes.say("equal texts in several groups", "too many to keep in one split")
        together = others
    return pd.factorize(together)[0]


def _scripts(texts: "pd.Series") -> dict[str, float]:
    """Return the scripts of some of the texts, each with its fraction of the letters."""
    some = " ".join(texts.iloc[:: -(-len(texts) // SAMPLE)].str.slice(0, 1_000))
    counts = {name: len(re.findall(letter, some)) for name, letter in _SCRIPTS.items()}
    total = max(1, sum(counts.values()))
    fractions = {name: count / total for name, count in counts.items() if count}
    return dict(sorted(fractions.items(), key=lambda one: -one[1]))


def by_script(texts: "pd.Series") -> Chosen:
    """Return what texts are divided into, by the script of most of their letters."""
    return _tokens_of(_scripts(texts))


def _tokens_of(scripts: dict[str, float]) -> Chosen:
    return "characters" if next(iter(scripts), "") in _BY_CHARACTERS else "words"


def _of_texts(
    texts: "pd.Series", scripts: dict[str, float], tokens: str, is_chosen: bool
) -> list[Finding]:
    """Return lengths and scripts."""
    lengths = texts.str.count(r"\S+") if tokens == "words" else texts.str.len()
    low, middle, high, most = lengths.quantile([0, 0.5, 0.95, 1]).astype(int)
    told = f"from {low:,} to {most:,} {tokens}, median {middle:,}, 95 % up to {high:,}"
    some = [(name, fraction) for name, fraction in scripts.items() if fraction >= _MIN_FRACTION]
    shown = ", ".join(f"{name} {fraction:.0%}" for name, fraction in some[:3])
    why = "by the script" if is_chosen else "as asked for"
    return [
        Finding("length", None, told),
        Finding("script", None, f"{shown or 'no letters'}; divided into {tokens}, {why}"),
    ]


def table(source: Source) -> tuple[str, list[tuple[str, str, str, str]]]:
    """Return what is to be printed before training: a title, and rows of four texts."""
    return f"{source.name}: {source.problem}", findings.rows(source.seen)


def _readable(folder: pathlib.Path, names: list[str]) -> tuple[list[str], list[str]]:
    """Return texts and names of the files that can be read; the others are named.

    Raises:
        InputError: None can.
    """
    found: dict[str, str] = {}
    for name in names:
        try:
            found[name] = text_files.read_plain(folder / name)
        except InputError as error:
            if len(names) == 1:
                raise
            _logger.warning("%s is left out", error)
    if not found:
        raise InputError(f"{reading.shown(folder)}: none of {len(names)} files can be read.")
    return [*found.values()], [*found]


def read_new(path: pathlib.Path, columns_of_text: Sequence[str]) -> "pd.DataFrame | None":
    """Read a .txt file, or a folder of such, as rows of `input` and a text; None for other files.

    Raises:
        InputError: A file cannot be read, or there is none.
    """
    import pandas as pd

    if path.is_dir():
        notes = listing.Notes()
        files = ["/".join(one) for one in listing.walk(path, notes)]
        files = [one for one in files if listing.ending(one) in _ENDINGS]
        if not files:
            raise InputError(f"{reading.shown(path)}: no .txt files; expected texts to predict.")
        texts, files = _readable(path, files)
    elif listing.ending(path.name) in (*_ENDINGS[:-1],):
        files, texts = [path.name], [text_files.read_plain(path)]
    else:
        return None
    made = {name: texts if not place else "" for place, name in enumerate(columns_of_text)}
    frame = pd.DataFrame(made, dtype=columns.text_dtype())
    return pd.concat([pd.DataFrame({"input": files}), frame], axis=1)
