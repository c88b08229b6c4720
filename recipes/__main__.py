"""`python -m recipes`: list, run, check, predict, export, copy, example."""

from keras_recipes.commands import main

if __name__ == "__main__":
    main.main()
