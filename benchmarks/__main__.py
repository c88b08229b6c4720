"""`python -m benchmarks`: list the benchmarks."""

import ast
import pathlib

from rich.table import Table

from keras_recipes import catalog
from keras_recipes.console import command_line, terminal


def main() -> None:
    """Print each command with the first line of its docstring."""
    table = Table("python -m", "benchmark", box=None, pad_edge=False)
    for path in sorted(pathlib.Path(__file__).parent.glob("[!_]*.py")):
        source = path.read_text(encoding="utf-8")
        if "__main__" in source:
            title = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
            table.add_row(f"benchmarks.{path.stem}", title)
    terminal.print_table(table)
    print(f"\n{catalog.describe_programs('benchmarks')}")


if __name__ == "__main__":
    with command_line.errors_as_lines():
        main()
