"""What MkDocs needs beside docs/: pages made of other files of the repository, and links that hold in both places.

The pages in docs/ link to each other and to files of the repository (`../CHANGELOG.md`, `../fhr_jax/crop.py#crop`) as
one reads them in the repository. Here these links become those of the site. Modules get a page each, read by static
analysis: nothing of the package is imported.
"""

import ast
import functools
import json
import posixpath
import re
from pathlib import Path

import griffe
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "fhr_jax"

LEFT_OUT = ("benchmark", "cli", "demo")
"""Packages for experiments and for the command line; the commands have a page of their own."""

PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "fhr_jax/nets/README.md": "default_net.md",
    "experiments/README.md": "paper.md",
}
"""Pages of the repository outside docs/, and their names on the site."""

NOTEBOOKS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "notebooks").glob("*.ipynb"))
EXECUTED = ROOT / "build"
"""`pytest --nbmake --overwrite` runs copies of the notebooks below this folder; .ci/run does."""

NOT_RUN = "This page was built without running the notebook, so it shows no results."

_LINK = re.compile(r"(\]\()([^)\s]+)(\))")


# Events of MkDocs


def on_config(config):
    """Add the modules to the navigation."""
    config["nav"] = [*config["nav"], {"Python": ["reference/index.md", *_nav(PACKAGE)]}]
    return config


@event_priority(100)  # before mkdocs-jupyter looks for notebooks
def on_files(files, config):
    """Add pages that are no files in docs/."""
    for origin, name in PAGES.items():
        files.append(File.generated(config, name, content=(ROOT / origin).read_text()))
    for origin in NOTEBOOKS:
        files.append(File(origin, str(_executed(origin)), config.site_dir, config.use_directory_urls))
    files.append(File.generated(config, "commands.md", content=_commands()))
    files.append(File.generated(config, "reference/index.md", content=_overview()))
    for module in _modules():
        files.append(File.generated(config, _page(module), content=_module_page(module)))
    return files


def on_page_markdown(markdown, *, page, config, files):
    """Rewrite links that leave docs/, or that come from outside."""
    here = page.file.src_uri
    origin = next((path for path, name in PAGES.items() if name == here), f"docs/{here}")

    def link(match):
        return match[1] + _target(match[2], origin=origin, here=here) + match[3]

    return _LINK.sub(link, markdown)


def on_page_content(html, *, page, config, files):
    """Take programs of other hosts out of the notebooks: they have neither formulas nor diagrams."""
    if not page.file.src_uri.endswith(".ipynb"):
        return html
    if not _was_run(Path(page.file.abs_src_path)):
        html = html.replace("</h1>", f"</h1><p><em>{NOT_RUN}</em></p>", 1)
    html = re.sub(r"<!-- Load mathjax -->.*?<!-- End of mathjax configuration -->", "", html, flags=re.DOTALL)
    return re.sub(r'<script type="module">.*?</script>', "", html, flags=re.DOTALL)


# Links


def _target(link, *, origin, here):
    """The link of the site for a link of the repository; `origin` and `here` are the page in both."""
    path, hash_mark, anchor = link.partition("#")
    if not path or "://" in link:
        return link
    path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), path))
    if path.endswith(".py") and (ROOT / path).exists():
        module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        path, anchor = _page(ROOT / path), f"{module}.{anchor}" if anchor else ""
        hash_mark = "#" if anchor else ""
    elif path == "README.md":
        path = "index.md"
    elif path in PAGES:
        path = PAGES[path]
    elif path.startswith("docs/"):
        path = path.removeprefix("docs/")
    elif not path.startswith("notebooks/"):
        return link  # nothing on the site: strict mode refuses it
    return posixpath.relpath(path, posixpath.dirname(here) or ".") + hash_mark + anchor


# Notebooks


def _executed(origin):
    """The folder of the notebook with its results if it was run since it last changed, else of that without."""
    run = EXECUTED / origin
    return EXECUTED if run.exists() and _was_run(run) and _sources(run) == _sources(ROOT / origin) else ROOT


def _was_run(notebook):
    return any(cell.get("execution_count") for cell in _cells(notebook))


def _sources(notebook):
    return [(cell["cell_type"], "".join(cell["source"])) for cell in _cells(notebook)]


def _cells(notebook):
    return json.loads(notebook.read_text())["cells"]


# Modules


def _modules():
    found = (path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != PACKAGE or path.stem != "__init__")
    return [path for path in found if path.relative_to(PACKAGE).parts[0] not in LEFT_OUT]


def _page(module):
    """Name of the page of a module, from its file."""
    path = module.relative_to(ROOT)
    return f"reference/{path.parent}/index.md" if path.stem == "__init__" else f"reference/{path.with_suffix('.md')}"


def _nav(folder):
    """Modules of a folder first, then packages."""
    modules = [path for path in sorted(folder.glob("*.py")) if path.stem != "__init__"]
    packages = [path.parent for path in sorted(folder.glob("*/__init__.py")) if path.parent.name not in LEFT_OUT]
    return [
        *({package.name: [_page(package / "__init__.py"), *_nav(package)]} for package in packages),
        *({module.stem: _page(module)} for module in modules),
    ]


def _module_page(module):
    name = ".".join(module.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    text = f"# {name}\n\n::: {name}\n"
    exported = _exports(module) if module.stem == "__init__" else []
    if exported:
        text += "\n## Names in this package\n\n"
        text += "\n".join(f"- [`{short}`]{_place(full, module)}" for short, full in exported) + "\n"
    return text


def _exports(module):
    """Names that a package takes from its modules: (name, full name)."""
    imports = [node for node in ast.parse(module.read_text()).body if isinstance(node, ast.ImportFrom)]
    names = [
        (alias.asname or alias.name, f"{node.module}.{alias.name}")
        for node in imports
        if (node.module or "").startswith(f"fhr_jax.{module.parent.relative_to(PACKAGE).as_posix().replace('/', '.')}.")
        for alias in node.names
    ]
    return sorted(names)


def _place(name, package):
    """The target of a link to a name: its place, or the page of its module if it has no docstring."""
    found = _package()[name.removeprefix("fhr_jax.")]
    if found.has_docstring:
        return f"[{name}]"
    return f"({posixpath.relpath(_page(found.module.filepath), posixpath.dirname(_page(package)))})"


@functools.cache
def _package():
    return griffe.load("fhr_jax", search_paths=[str(ROOT)])


def _summary(module):
    """First line of the docstring of a module."""
    return (ast.get_docstring(ast.parse(module.read_text())) or "").split("\n")[0]


def _overview():
    top = [
        *sorted(PACKAGE.glob("*/__init__.py")),
        *sorted(path for path in PACKAGE.glob("*.py") if path.stem[0] != "_"),
    ]
    names = {path: path.parent.name if path.stem == "__init__" else path.stem for path in top}
    rows = [
        f"| [`{name}`]({_page(path).removeprefix('reference/')}) | {_summary(path)} |"
        for path, name in names.items()
        if name not in LEFT_OUT
    ]
    return "\n".join(
        (
            "# Python",
            "",
            "Every module has a page with its functions and classes: array shapes stand in the signatures "
            '(`Float[Array, "t m 2"]` has T frames, M points and x, y), units and errors in the text. '
            "`import fhr_jax` is enough: modules are imported on first use. Conventions are those of "
            "[`types`](fhr_jax/types.md).",
            "",
            "| module | content |",
            "|---|---|",
            *rows,
            "",
        )
    )


# Commands


def _commands():
    """A page with the options of every command, read from the classes that tyro makes the command lines of."""
    cli = _package()["cli"]["arguments"]
    text = ["# Commands", "", "`fhr-jax COMMAND --help` prints the same.", ""]
    for name, (module, options, summary) in _command_table().items():
        text += [f"## {name}", ""]
        found = cli[module][options]
        if found.is_class:
            text += _options(found)
            continue
        text += [f"{summary[0].upper()}{summary[1:]}.", ""]
        for kind in re.findall(r"\w+Options", str(found.value)):
            text += [f"### {name} {kind.removesuffix('Options').lower()}", "", *_options(cli[module][kind])]
    return "\n".join(text)


def _command_table():
    """Module, class and summary of each command."""
    tree = ast.parse((PACKAGE / "cli/__init__.py").read_text())
    (table,) = (node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "COMMANDS")
    calls = zip(table.keys, table.values, strict=True)
    return {key.value: [ast.literal_eval(argument) for argument in call.args] for key, call in calls}


def _options(kind):
    """The text of a command, its example as a block, and a table of its options."""
    description, _, example = kind.docstring.value.partition("Example:")
    text = [description.strip(), "", f"    {example.strip()}", "", "| option | default | meaning |", "|---|---|---|"]
    tree = ast.parse(kind.module.filepath.read_text())  # griffe takes strings in annotations for names of types
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind.name)
    annotations = {node.target.id: node.annotation for node in body if isinstance(node, ast.AnnAssign)}
    for name, annotation in annotations.items():
        option = kind[name]
        settings = _settings(annotation, kind.module)
        text.append(
            f"| {_label(option, annotation, settings)} | {_default(option, kind)} | {_help(option, settings)} |"
        )
    return [*text, ""]


def _settings(annotation, module):
    """What `Annotated` says of an option: {"metavar": ..., "help": ...}."""
    if not isinstance(annotation, ast.Subscript) or ast.unparse(annotation.value) != "Annotated":
        return {}
    call = annotation.slice.elts[-1]
    if isinstance(call, ast.Name):
        shared = _resolve(call.id, module)
        module, call = shared.module, ast.parse(str(shared.value), mode="eval").body
    if not isinstance(call, ast.Call):
        return {}
    named = {{"text": "help"}.get(word.arg, word.arg): word.value for word in call.keywords}
    if call.args:
        named["metavar"] = call.args[0]
    return {key: _text(named[key], module) for key in ("metavar", "help") if key in named}


def _text(node, module):
    """The value of a string, which may be a constant of the module or contain one."""
    if isinstance(node, ast.Name):
        return ast.literal_eval(str(_resolve(node.id, module).value))
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, module) for part in node.values)
    return _text(node.value, module) if isinstance(node, ast.FormattedValue) else ast.literal_eval(node)


def _label(option, annotation, settings):
    if "Positional" in ast.unparse(annotation):
        return f"`{settings.get('metavar', option.name.upper())}`"
    flag = f"--{option.name.replace('_', '-')}"
    kind = ast.unparse(annotation).removeprefix("Annotated[").split(",")[0]
    if kind == "bool":
        return f"`{flag}`" if str(option.value) == "False" else f"`{flag}`, `--no-{flag[2:]}`"
    return f"`{flag} {settings.get('metavar', kind.upper())}`".replace("|", "\\|")


def _default(option, kind):
    """A default as it is typed; empty where the text says in words what happens without the option."""
    value = str(option.value)
    while re.fullmatch(r"[A-Za-z_][\w.]*", value) and value not in ("None", "True", "False"):
        value = str(_resolve(value, kind.module).value)
    if option.value is None:
        return "required"
    if value in ("None", "()"):
        return ""
    if value in ("True", "False"):
        return {"True": "yes", "False": "no"}[value]
    value = value.removeprefix("Path(").removesuffix(")") if value.startswith("Path(") else value
    return f"`{ast.literal_eval(value)}`"


def _resolve(name, module):
    for part in name.split("."):
        module = module[part]
        module = module.final_target if module.is_alias else module
    return module


def _help(option, settings):
    text = option.docstring.value if option.docstring else settings.get("help", "")
    return " ".join(text.split()).replace("|", "\\|")
