"""What a rule finds, and how a rule is made."""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

LEVELS = ("error", "warning")


@dataclasses.dataclass(frozen=True)
class Finding:
    """One mistake.

    Attributes:
        id: Of the rule, such as "D3".
        name: Of the rule, such as "scaling/inputs-not-scaled".
        level: "error" (the result would be wrong) or "warning" (it may well be).
        received: What is there.
        expected: What should be there.
        fix: The change to make, as code where one line does it.
    """

    id: str
    name: str
    level: str
    received: str
    expected: str
    fix: str

    def __str__(self) -> str:
        text = f"received {self.received}; expected {self.expected}; fix: {self.fix}"
        return f"{self.name} ({self.id}): {text}"


class Findings(list):
    """What a check found, errors first.

    Attributes:
        notes: What could not be looked at, or was looked at only partly.
    """

    def __init__(self, found: Iterable[Finding] = (), notes: Iterable[str] = ()):
        super().__init__(sorted(found, key=lambda finding: LEVELS.index(finding.level)))
        self.notes = tuple(dict.fromkeys(notes))

    @property
    def errors(self) -> list[Finding]:
        """The findings that make the result wrong."""
        return [finding for finding in self if finding.level == "error"]

    @property
    def summary(self) -> str:
        """How many there are of each kind, such as "0 errors, 1 warning"."""
        errors, rest = len(self.errors), len(self) - len(self.errors)
        return f"{errors} error{'s' * (errors != 1)}, {rest} warning{'s' * (rest != 1)}"

    def __str__(self) -> str:
        lines = [f"{finding.level}: {finding}" for finding in self]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes), self.summary])


class Mistake(typing.NamedTuple):
    """A finding as a rule's function yields it: without the id and the name of the rule."""

    level: str
    received: str
    expected: str
    fix: str


def error(received: str, expected: str, fix: str) -> Mistake:
    """Return a mistake by which the result would be wrong."""
    return Mistake("error", received, expected, fix)


def warning(received: str, expected: str, fix: str) -> Mistake:
    """Return a mistake by which the result may well be wrong."""
    return Mistake("warning", received, expected, fix)


@dataclasses.dataclass(frozen=True)
class Rule:
    """A rule: its id and name, what it stands for, and the function that looks for it.

    Attributes:
        id: A letter for the kind and a number.
        name: Its subject, which is the name of its module, and what is wrong.
        mistake: What goes wrong, in one line.
        why: Why it hurts.
        fix: What to do instead.
        threads: Public threads of people whom it happened to, such as "keras-team/keras#500".
        find: Takes what the rule looks at and yields findings.
    """

    id: str
    name: str
    mistake: str
    why: str
    fix: str
    threads: tuple[str, ...]
    find: Callable[[Any], Iterable[Finding]]


_Look = TypeVar("_Look", bound=Callable[[Any], Iterable[Mistake]])


def rule_list(
    subject: str, select: Callable[[Any], Iterable[Any]] = lambda facts: (facts,)
) -> tuple[list[Rule], Callable[[str, str], Callable[[_Look], _Look]]]:
    """Return an empty list of rules and the decorator that adds to it.

    The decorated function takes what `select` returns, one after the other, and yields mistakes.
    Its docstring names the mistake in the first line and goes on with "Why:", "Fix:" and "Thread:".

    Args:
        subject: Begins the name of each rule.
        select: Returns what a rule looks at; by default the facts as a whole.
    """
    rules: list[Rule] = []

    def rule(identifier: str, what_is_wrong: str) -> Callable[[_Look], _Look]:
        name = f"{subject}/{what_is_wrong}"

        def add(function: _Look) -> _Look:
            def find(facts: Any) -> Iterator[Finding]:
                for each in select(facts):
                    label = getattr(each, "label", "")
                    for level, received, expected, fix in function(each):
                        yield Finding(identifier, name, level, label + received, expected, fix)

            rules.append(Rule(identifier, name, *_read_docstring(function), find))
            return function

        return add

    return rules, rule


def _read_docstring(function: Callable) -> tuple[str, str, str, tuple[str, ...]]:
    """Return the mistake, why it hurts, the fix and the threads."""
    mistake, _, rest = (inspect.getdoc(function) or "").partition("\n")
    texts = dict(
        re.findall(r"^(Why|Fix|Thread): (.*?)(?=^\w+: |\Z)", rest, re.DOTALL | re.MULTILINE)
    )
    # `python -OO` takes docstrings away.
    why, fix, threads = (" ".join(texts.get(word, "").split()) for word in ("Why", "Fix", "Thread"))
    return mistake.rstrip("."), why, fix, tuple(threads.split(", ")) if threads else ()
