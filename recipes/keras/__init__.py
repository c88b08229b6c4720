"""`python recipes/NAME.py` becomes `python -m recipes.NAME` here, at its first `import keras`.

Python looks for the imports of such a program in this folder, `recipes`, and not in the project's,
where `datasets` and `keras_recipes` are. So it finds this module in the place of Keras: it puts the
project's folder on the path, and Keras in its own place. Nothing else comes by here.
"""

import pathlib
import sys

if __name__ == "keras":
    recipes = pathlib.Path(__file__).resolve().parents[1]
    others = [path for path in sys.path if pathlib.Path(path).resolve() != recipes]
    sys.path[:] = [str(recipes.parent), *others]
    del sys.modules["keras"]

    from keras_recipes.console import startup  # found now

    startup.begin_file()
