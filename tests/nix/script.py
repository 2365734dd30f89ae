"""Reads the script of a test in a machine, which runs only where machines are built: Python whose names are all there."""

import ast
import builtins
import sys

# Of the driver's machine, what our tests use.
MACHINE = {"succeed", "fail", "wait_for_unit", "wait_until_succeeds"}

tree = ast.parse(open(sys.argv[1]).read())
known = {"machine", "subtest", *dir(builtins)}
wrong = []
for node in ast.walk(tree):
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.FunctionDef(name=name) | ast.arg(arg=name):
            known.add(name)
        case ast.Import(names=names):
            known |= {each.asname or each.name for each in names}
        case ast.Attribute(value=ast.Name(id="machine"), attr=method) if method not in MACHINE:
            wrong.append(f"line {node.lineno}: machine.{method}")
for node in ast.walk(tree):
    if isinstance(node, ast.Name) and node.id not in known:
        wrong.append(f"line {node.lineno}: {node.id}")
sys.exit("\n".join(wrong) or None)
