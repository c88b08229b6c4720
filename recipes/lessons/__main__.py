"""`python -m recipes.lessons` lists the lessons; `python -m recipes.lessons all` runs them all.

`all` writes a folder with all plots and tables, and an index.html that shows them. Both commands
take `--lang ko` for Korean.
"""

from __future__ import annotations

import dataclasses
import difflib
import html
import importlib
import pathlib
import sys
import time
import typing

from rich.table import Table

from keras_recipes import catalog, configs
from keras_recipes.console import command_line, files, startup, terminal
from keras_recipes.errors import InputError
from recipes import lessons
from recipes.lessons import _options

if typing.TYPE_CHECKING:  # TensorFlow loads with it
    from recipes.lessons import _lesson as lesson

KOREAN = "한국어: "  # the line of a lesson's docstring with its title in Korean
STYLE = (
    "body{max-width:60rem;margin:2rem auto;padding:0 1rem;font:16px/1.5 system-ui,sans-serif}"
    "img{max-width:100%}table{border-collapse:collapse;font-size:.85rem;display:block;"
    "overflow-x:auto}td,th{border:1px solid #ccc;padding:.2rem .5rem;text-align:right}"
)


@dataclasses.dataclass(frozen=True)
class ListOptions:
    """Language of the list."""

    lang: _options.Language = "en"
    """Language of the list: en (English) or ko (Korean)."""


@dataclasses.dataclass(frozen=True)
class Options:
    """Settings of a run of all lessons."""

    seed: configs.Seed = 0
    """Random seed."""
    out: pathlib.Path | None = None
    """Output folder; by default, a new folder in runs/."""
    lang: _options.Language = "en"
    """Language of the index and the sentences: en (English) or ko (Korean)."""


WORDS = {
    "en": ("Lessons", "python -m recipes.lessons.NAME runs one", "lesson", "idea", "seconds"),
    "ko": ("수업", "python -m recipes.lessons.NAME으로 실행합니다", "수업", "내용", "초"),
}


def title(name: str, lang: _options.Language = "en") -> str:
    """Read a lesson's title off its file, without running it."""
    lines = _options.docstring(name).splitlines()
    korean = next((line for line in lines if line.startswith(KOREAN)), lines[0])
    return korean.removeprefix(KOREAN) if lang == "ko" else lines[0]


def print_list(lang: _options.Language = "en") -> None:
    """Print the lessons in the order in which to learn them."""
    heading, how, lesson, idea, unit = WORDS[lang]
    table = Table("", lesson, title=f"{heading}: {how}")
    table.add_column(idea, overflow="fold")
    table.add_column(unit, justify="right")
    for number, (name, seconds) in enumerate(lessons.SECONDS.items(), start=1):
        table.add_row(str(number), name, title(name, lang), str(seconds))
    terminal.print_table(table)
    print(f"\n{catalog.describe_programs('recipes.lessons')}")


def run_all(options: Options) -> pathlib.Path:
    """Run every lesson, one after the other, and write the index.

    Args:
        options: Seed, and where to write.

    Returns:
        The folder with index.html.
    """
    startup.load_tensorflow()
    from recipes.lessons import _lesson as lesson

    folder = options.out or files.next_folder(pathlib.Path("runs"), "lessons")
    with files.whole_folder(folder) as partial:
        sections = []
        for name in lessons.ORDER:
            terminal.print_if_read(f"{name}: takes about {lessons.SECONDS[name]} s on 2 cores")
            start = time.perf_counter()
            module = importlib.import_module(f"recipes.lessons.{name}")
            shown = module.study(options.seed)
            with files.faults_named(folder):
                (partial / name).mkdir()
                lesson.write(shown, partial / name)
            sections.append(section(name, module.__doc__ or name, shown, options.lang))
            print(f"{name}: {time.perf_counter() - start:.1f} s", flush=True)
        with files.faults_named(folder):
            files.write_text(partial / "index.html", page(sections, options.lang))
    return folder


def section(name: str, doc: str, shown: lesson.Shown, lang: _options.Language = "en") -> str:
    """Write one lesson as HTML."""
    heading, _, text = doc.strip().partition("\n")
    heading = heading if lang == "en" else title(name, lang)
    numbers = shown.table.to_html(index=False, float_format=lambda number: f"{number:.4g}")
    sentences = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in shown.sentences(lang))
    return (
        f"<section id='{name}'><h2>{html.escape(heading)}</h2><p>{html.escape(text.strip())}</p>"
        f"<img src='{name}/picture.png' alt='{html.escape(heading)}'>{numbers}"
        f"<ol>{sentences}</ol><p><code>python -m recipes.lessons.{name}</code></p></section>"
    )


def page(sections: list[str], lang: _options.Language = "en") -> str:
    """Write the whole page."""
    links = "".join(
        f"<li><a href='#{name}'>{html.escape(title(name, lang))}</a></li>" for name in lessons.ORDER
    )
    heading, *_ = WORDS[lang]
    return (
        f"<!doctype html><html lang='{lang}'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>{heading}</title><style>{STYLE}</style></head><body><h1>{heading}</h1>"
        f"<ol>{links}</ol>{''.join(sections)}</body></html>\n"
    )


def main() -> None:
    """List the lessons, or run them all."""
    with command_line.errors_as_lines():
        arguments = sys.argv[1:]
        if not arguments or arguments[0] == "--lang":
            prog = "python -m recipes.lessons"
            (listed,) = command_line.parse(prog, __doc__, arguments, lessons=ListOptions)
            print_list(listed.lang)
        elif arguments[0] in ("-h", "--help"):
            print((__doc__ or "python -m recipes.lessons all").strip())
        elif arguments[0] == "--version":
            print(command_line.describe_versions())
        elif arguments[0] != "all":
            raise InputError(_describe_unknown(arguments[0]))
        else:
            prog = "python -m recipes.lessons all"
            (options,) = command_line.parse(prog, __doc__, arguments[1:], lessons=Options)
            folder = run_all(options)
            print(f"Open {folder / 'index.html'}")


def _describe_unknown(command: str) -> str:
    if command in lessons.ORDER:
        return f"python -m recipes.lessons.{command}, with a dot, runs this lesson"
    near = difflib.get_close_matches(command, lessons.ORDER, n=1)
    return (
        f"unknown command {command!r}; expected `all`, or "
        f"`python -m recipes.lessons.{near[0] if near else 'NAME'}` runs one lesson"
    )


if __name__ == "__main__":
    main()
