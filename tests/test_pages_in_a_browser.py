"""The pages of runs and searches in a real browser: self-contained, legible, sortable.

Needs `pip install playwright` and an installed Chromium.
"""

import shutil

import pytest

import keras_recipes
import tuning
from recipes import breast_cancer, digits, images, tabular, text

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium"),
    pytest.mark.filterwarnings("default"),
]
QUICK = {"epochs": 2, "verbose": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of each kind of input, and a search with a trial that failed."""
    place = tmp_path_factory.mktemp("pages")
    for recipe in (breast_cancer, digits, images, tabular, text):
        name = recipe.__name__.rpartition(".")[2]
        keras_recipes.train(recipe, out=place / name, **QUICK)
    options = {"tuner": "random", "trials": 12, "epochs": 2, "quiet": True}
    tuning.search(breast_cancer, out=place / "search", **options)
    return place


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, folder):
    """Return a function that opens a page at a width, and what it asked for and complained of."""
    contexts = []

    def open_page(name, width=1400, scheme="light"):
        size = {"width": width, "height": 900}
        context = browser.new_context(viewport=size, color_scheme=scheme)
        contexts.append(context)
        page, asked, complaints = context.new_page(), [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto((folder / name / "report.html").as_uri())
        return page, asked, complaints

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("name", ["breast_cancer", "digits", "images", "tabular", "text", "search"])
def test_a_page_asks_for_nothing_and_fits_the_screen(opened, name, width, scheme):
    page, asked, complaints = opened(name, width, scheme)
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in asked if url.startswith("file:")]) == 1
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    sizes = page.evaluate(
        "[...document.querySelectorAll('p, td, th, pre')].map("
        "one => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert min(sizes) >= 12
    drawn = page.evaluate(
        "[...document.querySelectorAll('svg')].map(one => one.getBoundingClientRect().width)"
    )
    assert all(wide / 900 * 14 >= 11 for wide in drawn)  # text of 14 units in a drawing of 900
    images = page.evaluate("[...document.images].map(one => one.naturalWidth)")
    assert all(images)
    text, paper = (
        page.evaluate(f"getComputedStyle(document.body).{name}")
        for name in ("color", "backgroundColor")
    )

    def brightness(color):
        return sum(int(part) for part in color[color.index("(") + 1 : -1].split(",")[:3])

    assert (brightness(text) > brightness(paper)) == (scheme == "dark")


def test_trials_are_sorted_and_marked_by_a_click(opened, folder):
    page, _, complaints = opened("search")
    trials = tuning.load_results(folder / "search")

    def column(name):
        place = page.evaluate(
            "name => [...document.querySelectorAll('#trials th')].findIndex("
            "one => one.textContent === name)",
            name,
        )
        cells = page.locator(f"#trials tbody td:nth-child({place + 1})").all()
        return [cell.get_attribute("data-value") for cell in cells]

    page.get_by_role("button", name="val_loss").click()
    assert list(map(float, column("val_loss"))) == sorted(trials["score"])
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("val_loss")
    page.get_by_role("button", name="val_loss").click()
    assert list(map(float, column("val_loss"))) == sorted(trials["score"], reverse=True)
    row = page.locator("#trials tbody tr").first
    number = row.get_attribute("data-trial")
    row.click()
    marked = page.locator(f".marked[data-trial='{number}']")
    assert marked.count() == 3  # its row, its point and its line
    assert page.locator("#history .point").count() == len(trials)
    assert complaints == []
