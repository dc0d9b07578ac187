"""Jinja templates in the code: what they do with text that they are rendered with."""

import re
from collections.abc import Iterator

from webhook.lint.state import State, constant
from webhook.lint.values import UNKNOWN, Arguments, Made, Mapping, Value

TEMPLATE = "jinja2.Template"
RENDERS = ("render", "render_async", "generate", "stream")
_TEMPLATES = (TEMPLATE, "jinja2.environment.Template", "jinja2.nativetypes.NativeTemplate")
_LOOP = re.compile(r"for\s+(\w+)\s+in\s+(\w+)\s*-?$|for\s+(\w+)\s+in\s+(\w+)\s+if\s")
_KIND = re.compile(r"\bis\s+(?:not\s+)?(?:string|mapping|sequence|iterable)\b")
_ATTRIBUTE = re.compile(r"(?<![\w.])(\w+)\.(\w+)")


def from_string(environment: Made, given: Arguments) -> Made | None:
    """Return the template that `environment.from_string(...)` makes, None if it may be written in another syntax."""
    options = environment.arguments
    other = options.open or options.positional or any(name.endswith("_string") for name in options.keywords)
    return Made(TEMPLATE, given) if environment.path.startswith("jinja2.") and not other else None


def uses(state: State, template: Made, given: Arguments) -> Iterator[tuple[Value, str]]:
    """Yield each text that *template*, rendered with *given*, takes for a list, and how."""
    source = _source(template)
    if template.path not in _TEMPLATES or not source:
        return
    variables = dict(given.keywords)
    for one in given.positional:
        if isinstance(one, Mapping):
            variables = one.entries | variables
    for name, value in variables.items():
        how = taken_for_list(source, name) if state.texts(value) is not None else ""
        if how:
            yield value, how


def taken_for_list(source: str, name: str) -> str:
    """Return how the template *source* takes the variable *name* for a list of objects, "" if it does not.

    >>> taken_for_list("{% for task in tasks %}{{ task.task_id }}{% endfor %}", "tasks")
    'goes, in a Jinja template, over'
    >>> taken_for_list("{% for line in tasks.splitlines() %}{{ line }}{% endfor %} task.task_id", "tasks")
    ''
    """
    name = re.escape(name)
    if _KIND.search(source) or re.search(rf"\bset\s+{name}\b|\{{%-?\s*raw", source):
        return ""
    filtered = re.compile(rf"(?<![\w.]){name}\s*\|\s*(?:join\(\s*['\"][^'\"]|map\(\s*attribute)")
    loops: list[str] = []  # the names that stand for elements, "" for those of other loops
    for tag in _tags(source):
        if filtered.search(tag):
            return "takes, in a Jinja template, the elements of"
        if any(owner in loops and not hasattr(str, attribute) for owner, attribute in _ATTRIBUTE.findall(tag)):
            return "goes, in a Jinja template, over"
        words = tag.strip("-+ \t\n")
        if words.startswith("for "):
            loop = _LOOP.match(words)
            element, iterable = (loop[1] or loop[3], loop[2] or loop[4]) if loop is not None else ("", "")
            loops.append(element if iterable == name else "")
        elif words.startswith("endfor") and loops:
            loops.pop()
    return ""


def _tags(source: str) -> Iterator[str]:
    """Yield what stands in `{{ }}` and `{% %}`, in order."""
    first, *others = source.split("{#")
    told = first + "".join(one.partition("#}")[2] for one in others)
    for part in re.split(r"\{(?=[{%])", told)[1:]:
        yield part[1:].partition("}}" if part[0] == "{" else "%}")[0]


def _source(template: Made) -> str:
    """Return the text of *template*, "" when it cannot be told."""
    given = template.arguments
    value = given.positional[0] if given.positional else given.keywords.get("source", UNKNOWN)
    if isinstance(value, Made) and value.path in ("textwrap.dedent", "inspect.cleandoc") and value.arguments.positional:
        value = value.arguments.positional[0]
    text = constant(value)
    return text if isinstance(text, str) else ""
