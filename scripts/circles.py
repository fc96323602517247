#!/usr/bin/env python3
"""Finds files of one crate or package that import each other in a circle: `make circles`.

Rust: `use` lines and paths that begin with `crate::`, `super::` or `self::`, outside of tests. A `pub use` hands
something on and is no import of its own. TypeScript: relative imports, types included.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CRATES = sorted(path.parent / "src" for path in ROOT.glob("crates/**/Cargo.toml"))
PACKAGES = [ROOT / "web/sdk/src", ROOT / "web/react/src"]


def rust_module(source, file):
    parts = list(file.relative_to(source).with_suffix("").parts)
    if parts[-1] in ("mod", "lib", "main"):
        parts.pop()
    return tuple(parts)


def expanded(tree):
    """The paths of a `use` with braces: `a::{b, c::{d, e}}` names a::b, a::c::d and a::c::e."""
    if "{" not in tree:
        yield tree.split(" as ")[0].strip()
        return
    head, rest = tree.split("{", 1)
    depth, part, body = 0, "", rest.rsplit("}", 1)[0]
    for letter in body + ",":
        if letter == "," and depth == 0:
            if part.strip():
                yield from expanded(head.strip() + part.strip())
            part = ""
        else:
            depth += {"{": 1, "}": -1}.get(letter, 0)
            part += letter


def rust_imports(source):
    files = {rust_module(source, file): file for file in sorted(source.rglob("*.rs")) if "tests" not in file.parts}
    files = {module: file for module, file in files.items() if "tests" not in module}
    # Files of other packages, which the root reads under these names.
    root = files[()].read_text() if () in files else ""
    strangers = set(re.findall(r'#\[path = "[^"]*"\]\s*mod (\w+);', root))
    imports = {}
    for module, file in files.items():
        text = re.sub(r"//[^\n]*", "", file.read_text())
        text = re.split(r"#\[cfg\(test\)\]\s*(?:pub\(\w+\) )?mod \w+ \{", text)[0]
        text = re.sub(r"pub(\([a-z]+\))? use [^;]*;", "", text)
        paths = [path for tree in re.findall(r"\buse ((?:crate|super|self)::[^;]*);", text) for path in expanded(tree)]
        paths += re.findall(r"(?<![\w:])((?:crate|super|self)(?:::\w+)+)", text)
        # A parent names its children without a prefix.
        for child in re.findall(r"^\s*(?:pub(?:\([a-z]+\))? )?mod (\w+);", text, re.MULTILINE):
            if re.search(rf"(?<![\w:]){child}::\w", text):
                paths.append(f"self::{child}")
        found = set()
        for path in paths:
            if path.split("::")[1] in strangers:
                continue
            parts, base = path.split("::"), ()
            if parts[0] == "super":
                base = module
                while parts and parts[0] == "super":
                    base, parts = base[:-1], parts[1:]
            elif parts[0] == "self":
                base, parts = module, parts[1:]
            else:
                parts = parts[1:]
            target = base + tuple(parts)
            while target and target not in files:
                target = target[:-1]
            if target in files and target != module:
                found.add(target)
        imports[module] = found
    return {file: {files[target] for target in imports[module]} for module, file in files.items()}


def script_imports(source):
    files = {file for file in source.rglob("*.ts*") if not file.name.endswith(".d.ts")}
    imports = {}
    for file in files:
        found = set()
        for name in re.findall(r"""(?:import|export)[^'"]*?from\s*["'](\.[^"']+)["']""", file.read_text()):
            target = (file.parent / name).resolve()
            for candidate in (target.with_suffix(".ts"), target.with_suffix(".tsx"), target):
                if candidate in files:
                    found.add(candidate)
                    break
        imports[file] = found
    return imports


def circles(imports):
    """The sets of files that reach each other (strongly connected components of more than one)."""
    index, low, stack, found, counter = {}, {}, [], [], [0]

    def visit(node):
        index[node] = low[node] = counter[0]
        counter[0] += 1
        stack.append(node)
        for target in imports.get(node, ()):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            component = []
            while True:
                component.append(stack.pop())
                if component[-1] == node:
                    break
            if len(component) > 1:
                found.append(sorted(component))

    sys.setrecursionlimit(10_000)
    for node in imports:
        if node not in index:
            visit(node)
    return found


def main():
    bad = [circle for source in CRATES for circle in circles(rust_imports(source))]
    bad += [circle for source in PACKAGES for circle in circles(script_imports(source))]
    for circle in bad:
        print("These files import each other: " + ", ".join(str(file.relative_to(ROOT)) for file in circle))
    if bad:
        sys.exit("Put what they share into a file of its own, which both import.")


if __name__ == "__main__":
    main()
