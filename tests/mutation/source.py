"""The source as mutmut gets it: what makes no difference is marked, and what mutmut passes over is rewritten.

- Lines of the kinds in `NOT_MUTATED` get a mark, which mutmut is told to leave alone.
- mutmut does not touch decorated functions. ``@property`` above a method becomes ``name = property(name)`` below it, and
  so does every other decorator: the same to Python.
- Caches are left out: a test that gets a cached value does not run the function, and mutmut would not try it.
- It does not touch what is outside functions either: constants and the defaults of fields are held by tests alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

MARK = "# not mutated:"

NOT_MUTATED = {
    "raise": "When an error is raised, and which, is mutated with the condition before it; its text is not.",
    "log": "What a log line says is no decision. Whether there is one is mutated with the condition before it.",
    "repr": "`__repr__` is for people who debug.",
    "assert": "An `assert` is for the type checker.",
}
"""Kinds of lines that are not mutated, each with the reason."""

_KEPT = {"staticmethod", "classmethod", "overload"}  # mutmut mutates the first two, and the third has no body


def prepared(source: str) -> str:
    """The same program, for mutmut."""
    source = source.replace(", strict=True)", ")")  # of `zip`: an assertion, that both are equally long
    tree = ast.parse(source)
    lines = source.splitlines()
    for kind, node in _not_mutated(tree):
        for line in range(node.lineno - 1, node.end_lineno or 0):
            if MARK not in lines[line]:
                lines[line] += f"  {MARK} {kind}"
    for function in _decorated(tree):
        first = function.decorator_list[0].lineno - 1
        indent = " " * function.col_offset
        assert function.end_lineno is not None
        lines[function.end_lineno : function.end_lineno] = [
            f"{indent}{function.name} = {ast.unparse(decorator)}({function.name})"
            for decorator in reversed(function.decorator_list)
            if not _is_cache(decorator)
        ]
        del lines[first : function.lineno - 1]
    return "\n".join(lines) + "\n"


def _not_mutated(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    errors = {alias.name for node in imports if node.module == "errors" for alias in node.names}
    for node in ast.walk(tree):
        match node:
            case ast.Raise():
                yield "raise", node
            case ast.Return(value=ast.Call(func=ast.Name(id=name))) if name.endswith("Error") or name in errors:
                yield "raise", node
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))) if name in ("log", "_log"):
                yield "log", node
            case ast.FunctionDef(name="__repr__"):
                yield "repr", node
            case ast.Assert():
                yield "assert", node


def _is_cache(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call | ast.Name) and ast.unparse(decorator).startswith(("cache", "lru_cache"))


def _decorated(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Decorated functions and methods, the last first: what is rewritten then moves none of the others."""
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    functions = [
        node
        for body in bodies
        for node in body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.decorator_list
        and not any(isinstance(name, ast.Name) and name.id in _KEPT for name in node.decorator_list)
    ]
    return sorted(functions, key=lambda node: node.lineno, reverse=True)
