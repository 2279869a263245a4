"""The rules of the house that a machine can check."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "vlkit"

FLOORS = {
    0: ["document", "errors", "extras", "files", "formats", "geometry", "schema"],
    1: [
        "bounds",
        "images",
        "pdf",
        "text_layer",
        "paths",
        "sniffing",
        "download",
        "sources",
        "layout",
        "export",
        "onnx",
        "data",
        "entities",
        "recipe",
        "card",
        "evaluation",
        "shelves",
        "values",
    ],
    2: ["nn", "adapters", "losses", "checkpoint", "tensors"],
    3: ["models"],
    4: ["extraction", "reading", "retrieval", "training"],
    5: ["__init__", "__main__", "cli", "cli_extract", "cli_models", "doctor", "service", "demo"],
}
FLOOR_OF = {name: floor for floor, names in FLOORS.items() for name in names}
MODULES = sorted(PACKAGE.rglob("*.py"))


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """The part of the house a module lies in: ``vlkit.reading.batch`` → ``reading``."""
    return [*module.split("."), "__init__"][1]


def imports(path: Path, *, at_import_only: bool = False) -> set[str]:
    """Dotted names that a module imports, those in functions too unless told otherwise."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if at_import_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            assert node.module
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                place = ROOT / full.replace(".", "/")
                is_module = place.with_suffix(".py").exists() or place.is_dir()
                found.add(full if is_module else node.module)
        stack.extend(ast.iter_child_nodes(node))
    return found


GRAPH = {
    dotted(path): {name for name in imports(path) if name.split(".")[0] == "vlkit"}
    for path in MODULES
}


@pytest.mark.parametrize("module", GRAPH)
def test_module_has_a_floor_and_imports_go_down(module: str) -> None:
    assert room(module) in FLOOR_OF, f"{module} has no place in the house"
    for target in GRAPH[module]:
        if target == "vlkit":  # the version, which stands in the package itself
            continue
        assert FLOOR_OF[room(target)] <= FLOOR_OF[room(module)], f"{module} imports up: {target}"


def test_no_cycles() -> None:
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " → ".join((*trail, module))
        if module not in done and module != "vlkit":
            for target in GRAPH.get(module, ()):
                visit(target, (*trail, module))
            done.add(module)

    for module in GRAPH:
        visit(module, ())


def test_rooms_of_one_floor_have_no_cycles() -> None:
    edges = {
        (room(module), room(target))
        for module, targets in GRAPH.items()
        for target in targets
        if room(module) != room(target) and target != "vlkit"
    }
    for first, second in edges:
        assert (second, first) not in edges, f"{first} and {second} import each other"


@pytest.mark.parametrize(
    "path", [path for path in MODULES if FLOOR_OF.get(room(dotted(path)), 9) <= 1], ids=dotted
)
def test_no_torch_below_the_bricks(path: Path) -> None:
    heavy = {"torch", "torchvision", "transformers", "timm", "open_clip"}
    assert not {name.split(".")[0] for name in imports(path)} & heavy


def test_shelves_hold_no_code() -> None:
    assert not [*(ROOT / "models").rglob("*.py"), *(ROOT / "datasets").rglob("*.py")]


WITH_ALL = [dotted(path) for path in MODULES if "__all__ =" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("module", WITH_ALL)
def test_all_is_what_can_be_imported(module: str) -> None:
    loaded = importlib.import_module(module)
    assert sorted(loaded.__all__) == sorted(set(loaded.__all__))
    for name in loaded.__all__:
        assert getattr(loaded, name) is not None


def test_public_names_are_the_lazy_ones() -> None:
    import vlkit

    assert set(vlkit.__all__) == set(vlkit._HOMES) | {"__version__"}
    with pytest.raises(AttributeError, match="no attribute 'raed'"):
        _ = vlkit.raed


def test_importing_vlkit_loads_nothing_heavy() -> None:
    code = "import sys, vlkit, vlkit.errors; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"numpy", "cv2", "PIL", "pydantic", "pypdfium2", "rapidocr"} & set(loaded)


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_files_stay_under_500_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


def test_lock_names_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert "index-url" not in lock
    assert "--hash=sha256:" in lock
