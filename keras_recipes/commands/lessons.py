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


def path_of(name: str) -> pathlib.Path:
    """Return the file that a lesson of this name has, where there is one."""
    return catalog.folder() / "lessons" / f"{name.removeprefix('_')}.py"


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
    lines, tree = source.splitlines(), ast.parse(source)
    yield "text", title(ast.get_docstring(tree) or path.stem)
    yield "code", install
    imports = [
        ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    yield "text", f"What the lesson uses. In Colab, upload the file `{CODE}` too."
    yield (
        "code",
        "\n".join(
            ["%matplotlib inline", "import sys", "", f'sys.path.insert(0, "{CODE}")', *imports]
        ),
    )
    end, abouts, texts = 1, list[str](), list[str]()
    for node in tree.body:
        first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
        text = "\n".join(lines[end : node.end_lineno]).strip()  # with the comments above
        end = node.end_lineno or end
        if isinstance(node, ast.Import | ast.ImportFrom | ast.If) or first == 1:
            continue  # and the docstring
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


def title(docstring: str) -> str:
    """Return a docstring as Markdown: a heading, and a list of what it says."""
    first, _, rest = docstring.strip().partition("\n")
    lines = [line for line in rest.strip().splitlines() if not line.startswith(("Run:", "Copy:"))]
    listed = [f"- {line}" if re.match(r"\w+: ", line) else line for line in lines]
    return "\n".join([f"# {first}", "", *listed])
