"""The documentation names only what exists: links, files, commands with options, modules, functions, arguments."""

import ast
import contextlib
import importlib
import importlib.util
import inspect
import io
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest
import tyro

import fhr_jax
from fhr_jax import cli

ROOT = Path(fhr_jax.__file__).parent.parent
NAMED = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "fhr_jax/nets/README.md", "experiments/README.md")
PAGES = [
    path
    for path in (
        *(
            ROOT / name
            for name in (
                "README.md",
                "CONTRIBUTING.md",
                "CHANGELOG.md",
                "fhr_jax/nets/README.md",
                "experiments/README.md",
            )
        ),
        *sorted((ROOT / "docs").rglob("*.md")),
    )
    if path.exists()
]
CURRENT = [path for path in PAGES if path.name != "CHANGELOG.md"]
"""Pages about today's code; the changelog also names what is gone."""

EXAMPLES = [*sorted((ROOT / "fhr_jax/cli").rglob("*.py")), *sorted((ROOT / "experiments").rglob("*.py"))]
"""Files whose docstrings show commands."""

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
INLINE = re.compile(r"`([^`\n]+)`")
SUFFIXES = ("py", "npz", "md", "ipynb", "json", "jsonl", "csv")
TOP = ("fhr_jax/", "tests/", "experiments/", "notebooks/", "docs/", ".ci/")

pytestmark = pytest.mark.skipif(not (ROOT / "README.md").exists(), reason="installed without its documentation")


def _name(path):
    return str(path.relative_to(ROOT))


def _prose(path):
    """The text of a page without its code blocks."""
    return "\n".join(line for line in FENCE.sub("", path.read_text()).splitlines() if not line.startswith("    "))


def _anchors(path):
    """Anchors of the headings, as GitHub makes them; of a module its functions and classes, as the site does."""
    if path.suffix == ".py":
        nodes = ast.parse(path.read_text()).body
        return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 180


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page):
    for target in LINK.findall(INLINE.sub("", _prose(page))):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), f"{_name(page)}: {target}"
        if anchor:
            assert anchor in _anchors(path), f"{_name(page)}: no heading {target}"


@pytest.mark.parametrize("page", CURRENT, ids=_name)
def test_files_exist(page):
    for code in INLINE.findall(page.read_text()):
        if code.startswith(TOP) and " " not in code and "*" not in code:
            assert (ROOT / code).exists(), f"{_name(page)}: {code}"


# Commands


def _module(script):
    """An experiment, imported as a module."""
    name = f"documented_{script.stem}"
    if name not in sys.modules:
        sys.path.insert(0, str(script.parent))  # an experiment may import its neighbour
        try:
            spec = importlib.util.spec_from_file_location(name, script)
            assert spec is not None
            assert spec.loader is not None
            module = sys.modules[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        finally:
            sys.path.remove(str(script.parent))
    return sys.modules[name]


def _experiment_options(script):
    """The class that the last line of an experiment gives to tyro."""
    text = script.read_text()
    if re.search(r"^import torch\b", text, re.MULTILINE):
        pytest.importorskip("torch", reason='PyTorch is not installed: pip install -e ".[torch]"')
    parsed = re.findall(r"tyro\.cli\(([\w.]+)\)", text)
    assert parsed, f"{script} parses no options"
    options = _module(script)
    for part in parsed[-1].split("."):
        options = getattr(options, part)
    return options


def _options(words):
    """The class of options that a command line is parsed into, and the arguments; None for other programs."""
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words = words[1:]
    if words[:2] == ["taskset", "-c"]:
        words = words[3:]
    if "fhr-jax" in words[:1]:
        assert words[1] in cli.COMMANDS, f"no command {words[1]}"
        command = cli.COMMANDS[words[1]]
        return getattr(importlib.import_module(f"fhr_jax.cli.arguments.{command.module}"), command.options), words[2:]
    if words[:1] == ["python"] and len(words) > 1 and words[1].startswith("experiments/"):
        return _experiment_options(ROOT / words[1]), words[2:]
    return None


def _parse(line, where):
    """Parse a command line with the options of its program, without running it."""
    for part in line.replace("...", "").split("&&"):
        found = _options(shlex.split(part, comments=True))
        if found is None:
            continue
        options, arguments = found
        errors, code = io.StringIO(), None
        try:
            with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
                tyro.cli(options, args=arguments)
        except SystemExit as stopped:
            code = stopped.code
        assert not code, f"{where}: {line}\n{errors.getvalue()}"


def _block_commands(text):
    """Commands in indented blocks; a deeper line that begins with an option continues the one before."""
    lines = []
    for line in FENCE.sub("", text).splitlines():
        bare = re.sub(r"^\s*(Command:|Example:)?\s*", "", line)
        if line.startswith("    ") and bare.startswith("--") and lines:
            lines[-1] += " " + bare
        elif re.match(r"( {4,}|Command: |Example: )", line):
            lines.append(bare)
    return [line for line in lines if re.match(r"([A-Z_]+=\S* |taskset |pip |fhr-jax |python )", line)]


@pytest.mark.parametrize("page", CURRENT, ids=_name)
def test_command_lines_parse(page):
    for line in _block_commands(page.read_text()):
        _parse(line, _name(page))


@pytest.mark.parametrize("page", CURRENT, ids=_name)
def test_inline_commands_have_these_options(page):
    """`fhr-jax train --data` in a sentence may leave out what is required, but not name what is not there."""
    for code in INLINE.findall(_prose(page)):
        words = code.split()
        if "fhr-jax" not in words or "COMMAND" in words:
            continue
        words = words[words.index("fhr-jax") :]
        if words[1:] and not words[1].startswith("-"):
            named = set(re.findall(r"(?<!\S)--[a-z0-9][a-z0-9-]*", code.split("fhr-jax", 1)[1]))
            assert named <= _named_options(words[1]), f"{_name(page)}: {code}"


def _named_options(name):
    """All --options of a command and its subcommands."""
    options, _ = _options(["fhr-jax", name]) or pytest.fail(name)
    subcommands = ([],) if name != "data" else (["build"], ["show"])
    output = io.StringIO()
    for arguments in subcommands:
        with contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
            tyro.cli(options, args=[*arguments, "--help"])
    return set(re.findall(r"--[a-z0-9][a-z0-9-]*", output.getvalue()))


@pytest.mark.parametrize("file", EXAMPLES, ids=_name)
def test_commands_in_docstrings_parse(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef):
            for line in _block_commands(ast.get_docstring(node) or ""):
                if "torch" not in file.read_text() or importlib.util.find_spec("torch"):
                    _parse(line, _name(file))


# Python


def _snippets(page):
    return [code for language, code in FENCE.findall(page.read_text()) if language == "python"]


class _Names(ast.NodeVisitor):
    """Resolve the imported modules and functions of a snippet, and the keywords that functions are called with."""

    def __init__(self, where):
        self.where, self.known = where, {}

    def visit_Import(self, node):
        for alias in node.names:
            module = importlib.import_module(alias.name)
            self.known[alias.asname or alias.name.split(".")[0]] = (
                module if alias.asname else sys.modules[alias.name.split(".")[0]]
            )

    def visit_ImportFrom(self, node):
        module = importlib.import_module(node.module)
        for alias in node.names:
            with contextlib.suppress(ImportError):
                importlib.import_module(f"{node.module}.{alias.name}")
            assert hasattr(module, alias.name), f"{self.where}: no {alias.name} in {node.module}"
            self.known[alias.asname or alias.name] = getattr(module, alias.name)

    def resolve(self, node):
        """What a name or an attribute of a module is; None where the snippet made it itself."""
        if isinstance(node, ast.Name):
            return self.known.get(node.id)
        if isinstance(node, ast.Attribute):
            owner = self.resolve(node.value)
            if isinstance(owner, ModuleType):
                assert hasattr(owner, node.attr), f"{self.where}: no {node.attr} in {owner.__name__}"
                return getattr(owner, node.attr)
        return None

    def visit_Attribute(self, node):
        self.resolve(node)
        self.generic_visit(node)

    def visit_Call(self, node):
        function = self.resolve(node.func)
        if function is not None and getattr(function, "__module__", "").startswith("fhr_jax"):
            inspect.signature(function).bind(
                *[0 for _ in node.args], **{keyword.arg: 0 for keyword in node.keywords if keyword.arg}
            )
        self.generic_visit(node)


@pytest.mark.parametrize("page", CURRENT, ids=_name)
def test_snippets_name_what_exists(page):
    names = _Names(_name(page))  # a snippet goes on from those above it
    for code in _snippets(page):
        names.visit(ast.parse(code))


@pytest.mark.parametrize("page", CURRENT, ids=_name)
def test_names_in_sentences_exist(page):
    """`heatmap.decode`, `stabilizer.init_params(variance, basis)`, `fhr_jax.calibrate`."""
    for code in INLINE.findall(_prose(page)):
        dotted = re.match(r"(?:fhr_jax\.)?([a-z_0-9]+(?:\.[A-Za-z_][A-Za-z_0-9]*)+|[a-z_0-9]+(?=$))", code)
        parts = dotted.group(0).removeprefix("fhr_jax.").split(".") if dotted else []
        if not parts or parts[0] not in fhr_jax.__all__ or parts[-1] in SUFFIXES:
            continue
        found = fhr_jax
        for part in parts:
            if isinstance(found, ModuleType):
                with contextlib.suppress(ImportError):
                    importlib.import_module(f"{found.__name__}.{part}")
            assert hasattr(found, part), f"{_name(page)}: {code}"
            found = getattr(found, part)


SCRIPTS = [script for script in (ROOT / "experiments").rglob("*.py") if "tyro.cli(" in script.read_text()]


@pytest.mark.parametrize("script", SCRIPTS, ids=_name)
def test_help_of_experiments_names_no_none(script):
    """An option without a default says in words what happens without it; see `fhr_jax.cli.options.optional`."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
        tyro.cli(_experiment_options(script), args=["--help"])
    assert "--out" in output.getvalue() or "show this help" in output.getvalue()
    assert "None" not in output.getvalue()


def test_figures_of_experiments_are_where_they_say():
    """Each docstring that names a page and a section for its figures."""
    named = 0
    for script in (ROOT / "experiments").rglob("*.py"):
        docstring = " ".join((ast.get_docstring(ast.parse(script.read_text())) or "").split())
        for page, heading in re.findall(r'(docs/\w+\.md), "([^"]+)"', docstring):
            assert re.search(rf"^#+ {re.escape(heading)}$", (ROOT / page).read_text(), re.MULTILINE), (
                f"{script}: {heading}"
            )
            named += 1
    assert named > 10
