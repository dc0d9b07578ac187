"""What the HTML pages are made with: templates, the files they hold, and what a browser may do with them."""

import hashlib
import re
from base64 import b64encode
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from webhook.pods.text import plural, printable
from webhook.report.wording import instant

POLICY = "default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"

LONGEST = 2000  # characters of one text
_PARTS = re.compile(r"(?<=[/:@])(?!$)")


@cache
def environment() -> Environment:
    """Return the templates of the pages: everything from a cluster stays text on one printable line."""
    found = Environment(
        loader=PackageLoader("webhook.report", "html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_printable,
    )
    found.filters |= {"instant": instant, "plural": plural, "breakable": _breakable}
    found.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return found


def _printable(value: object) -> object:
    """Return *value*, if it is not markup that a template made, on one printable line."""
    return value if hasattr(value, "__html__") else printable(str(value), LONGEST)


def _breakable(image: str) -> Markup:
    """Return *image* as markup that breaks behind its slashes and colons before it breaks elsewhere."""
    parts = _PARTS.split(printable(image, LONGEST))
    return Markup("<wbr>").join(parts)


@cache
def file(name: str) -> str:
    """Return a file of the pages."""
    return resources.files("webhook.report").joinpath("html", name).read_text(encoding="utf-8")


def source(text: str) -> str:
    """Return the source expression of a Content-Security-Policy that allows an element with *text*, and no other."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
