"""What a rule says, and how a rule is made."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator


@dataclasses.dataclass(frozen=True)
class Finding:
    """One mistake.

    Attributes:
        id: Of the rule, such as "H1".
        level: "error" (the result would be wrong) or "warning" (it may well be).
        received: What is there.
        expected: What should be there.
        fix: The change to make, as code where one line does it.
    """

    id: str
    level: str
    received: str
    expected: str
    fix: str

    def __str__(self) -> str:
        return f"{self.id}: received {self.received}; expected {self.expected}; fix: {self.fix}"


@dataclasses.dataclass(frozen=True)
class Rule:
    """A rule: its id, the mistake it stands for, and the function that looks for it."""

    id: str
    mistake: str
    find: Callable[..., Iterator[Finding]]


def rule_list() -> tuple[list[Rule], Callable]:
    """Give an empty list of rules and the decorator that adds to it.

    The decorated function takes `Facts` and yields findings made by its `error` or `warning`
    argument: functions of received, expected and fix that fill in the id.
    """
    rules: list[Rule] = []

    def rule(identifier: str):
        def add(function: Callable) -> Callable:
            def find(facts) -> Iterator[Finding]:
                def say(level: str, received: str, expected: str, fix: str) -> Finding:
                    return Finding(identifier, level, received, expected, fix)

                return function(facts, say)

            mistake = function.__doc__.splitlines()[0].rstrip(".")
            rules.append(Rule(identifier, mistake, find))
            return function

        return add

    return rules, rule
