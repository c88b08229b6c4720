"""Lessons as notebooks: their functions are cells, what they share comes in a file of its own."""

from __future__ import annotations

import ast
import pathlib
import re
import zipfile
from collections.abc import Iterator

from keras_recipes import catalog

CODE = "lessons.zip"  # Python imports from it
STUDY = "study"
RUN = f"""\
shown = {STUDY}(seed=0)
shown.table"""
SHOW = """\
print(*shown.sentences("en"), "", *shown.sentences("ko"), sep="\\n")
shown.figure"""
LONGEST_CELL = 25  # lines that several short functions may have together


def find(name: str) -> pathlib.Path | None:
    """Return the file of the lesson of this name; None where there is no such lesson."""
    path = catalog.folder() / "lessons" / f"{name}.py"
    is_name = name.isidentifier() and not name.startswith("_")
    return path if is_name and path.is_file() else None


def write_code(path: pathlib.Path) -> None:
    """Write what the lessons import: the recipes, the lessons and the data sets."""
    root = catalog.folder().parent
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in ("recipes", "recipes/lessons", "datasets"):
            for file in sorted((root / folder).glob("*.py")):
                archive.write(file, f"{folder}/{file.name}")


def cells_of(path: pathlib.Path, install: str) -> Iterator[tuple[str, str]]:
    """Yield the cells of a lesson's notebook: "text" or "code", and the content.

    Args:
        path: Of the lesson.
        install: Cell that installs the library.
    """
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    imports = [
        ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    found = ["%matplotlib inline", "import sys", "", f'sys.path.insert(0, "{CODE}")', *imports]
    yield "text", title(ast.get_docstring(tree) or path.stem)
    yield "code", install
    yield "text", f"What the lesson uses. In Colab, upload the file `{CODE}` too."
    yield "code", "\n".join(found)
    abouts, texts = list[str](), list[str]()
    for node, text in definitions(source):
        is_long = "\n".join([*texts, text]).count("\n") > LONGEST_CELL
        if texts and (is_long or text.startswith(f"def {STUDY}(")):
            yield "text", "\n\n".join(abouts) or "What you can change."
            yield "code", "\n\n\n".join(texts)
            abouts, texts = [], []
        texts.append(text)
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            about = (ast.get_docstring(node) or "").partition("\n\n")[0].replace("\n", " ")
            abouts.append(f"`{node.name}`: {about}")
    yield "text", "\n\n".join(abouts)
    yield "code", "\n\n\n".join(texts)
    yield "text", "The table."
    yield "code", RUN
    yield "text", "The picture, and what the numbers mean."
    yield "code", SHOW


def definitions(source: str) -> Iterator[tuple[ast.stmt, str]]:
    """Yield what a file defines at its top, each with its source and the comments above it."""
    lines, end = source.splitlines(), 0
    for node in ast.parse(source).body:
        first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
        text = "\n".join(lines[end : node.end_lineno]).strip()
        end = node.end_lineno or end
        if not isinstance(node, ast.Import | ast.ImportFrom | ast.If) and first > 1:
            yield node, text  # the docstring is at line 1


def title(docstring: str) -> str:
    """Return a docstring as Markdown: a heading, and a list of what it says."""
    first, _, rest = docstring.strip().partition("\n")
    lines = [line for line in rest.strip().splitlines() if not line.startswith(("Run:", "Copy:"))]
    listed = [f"- {line}" if re.match(r"\w+: ", line) else line for line in lines]
    return "\n".join([f"# {first}", "", *listed])
