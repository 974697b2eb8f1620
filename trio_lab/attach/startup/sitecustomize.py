"""The first code in each Python process of a program that the doctor has started. See `trio_lab.attach`.

It puts a finder before all others that waits for the import of Trio and of asyncio, and then runs the `sitecustomize` that
this file has hidden, if there is one. Until one of the two is imported, nothing of trio_lab is.

Any Python may come by here, also an old one: no syntax that Python 3.6 does not know.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
_PACKAGE = os.path.dirname(os.path.dirname(_HERE))
_OLDEST = (3, 11)
_AWAITED = {"trio": "trio", "asyncio.events": "asyncio"}


class Finder:
    """Finds what the finders behind it find. When an awaited module was executed, ``executed`` is called with the name of its
    library; ``failed`` with a text when that cannot be noticed."""

    def __init__(self, executed, failed):
        self._executed, self._failed = executed, failed
        self._awaited = dict(_AWAITED)

    def find_spec(self, name, path=None, target=None):
        library = self._awaited.pop(name, None)
        if library is None:
            return None
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = None if find is None else find(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    self._when_executed(spec.loader, library)
                return spec
        self._awaited[name] = library  # it is not there, but may be later
        return None

    def _when_executed(self, loader, library):
        execute = getattr(loader, "exec_module", None)

        def exec_module(module):
            vars(loader).pop("exec_module", None)  # the method of its class is no longer hidden
            execute(module)
            self._executed(library)

        try:
            loader.exec_module = exec_module
        except AttributeError:
            self._failed(f"{library} is loaded in a way that the hook cannot follow")


def _tell_hook(where, library):
    try:
        _find_trio_lab()
        from trio_lab.attach.hook import imported
    except Exception as fault:
        had = getattr(sys.modules.get("trio_lab"), "__version__", None)
        own = "" if had is None else f" (the program has trio_lab {had})"
        _note(where, "failed", f"the hook could not be loaded: {type(fault).__name__}: {fault}{own}")
    else:
        imported(library, where)


def _find_trio_lab():
    """Import the package, from the doctor's folder if the program has none: and only that package, not what lies beside it."""
    try:
        import trio_lab  # noqa: F401
    except ImportError:
        from importlib.util import module_from_spec, spec_from_file_location

        init = os.path.join(_PACKAGE, "__init__.py")
        spec = spec_from_file_location("trio_lab", init, submodule_search_locations=[_PACKAGE])
        sys.modules["trio_lab"] = module = module_from_spec(spec)
        spec.loader.exec_module(module)


def _note(where, kind, text):
    """As `trio_lab.attach.notes.note`, which may not be there."""
    try:
        with open(os.path.join(os.path.dirname(where.partition(":")[2]), str(os.getpid())), "a") as file:
            file.write(f"{kind}: {text}\n")
    except Exception:
        pass


def _begin():
    sys.path[:] = [entry for entry in sys.path if entry != _HERE]
    where = os.environ.get("TRIO_LAB_DOCTOR")
    if not where:
        return
    version = "Python " + sys.version.split()[0]
    if sys.version_info < _OLDEST:
        _note(where, "failed", f"{version} is too old for the hook, which needs {_OLDEST[0]}.{_OLDEST[1]}")
    else:
        _note(where, "begun", f"{version} has begun")
        sys.meta_path.insert(
            0, Finder(lambda library: _tell_hook(where, library), lambda text: _note(where, "failed", text))
        )


def _run_hidden():
    """Import the next `sitecustomize` on the path in place of this one. What it raises is reported as always."""
    ours = sys.modules.pop(__name__, None)
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        if __name__ not in sys.modules and ours is not None:
            sys.modules[__name__] = ours


if __name__ == "sitecustomize":
    _begin()
    _run_hidden()
