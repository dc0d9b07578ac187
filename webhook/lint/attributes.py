"""Attributes and elements of values."""

import ast

from webhook.lint import names
from webhook.lint.objects import bound, find_member
from webhook.lint.sites import attribute_site
from webhook.lint.state import State
from webhook.lint.text import attribute_of
from webhook.lint.values import (
    NONE,
    UNKNOWN,
    Class,
    Constant,
    Either,
    External,
    File,
    Function,
    Instance,
    Items,
    Made,
    Mapping,
    Method,
    Scope,
    Text,
    Value,
    join,
)


class Objects(State):
    """Knows what objects have."""

    def call(self, scope: Scope, node: ast.Call) -> Value:
        """Return what the call *node* returns."""
        raise NotImplementedError

    def apply(self, scope: Scope, node: ast.AST, callee: Value, args: tuple[Value, ...]) -> Value:
        """Return what *callee* returns for the positional *args*."""
        raise NotImplementedError

    def set_attribute(self, scope: Scope, node: ast.AST, owner: Value, name: str, value: Value) -> None:
        """Let `owner.name` be *value*."""
        text = self.texts(owner)
        if text is not None:
            self.misuse(scope, node, text, f"sets .{name} of")
        elif isinstance(owner, Instance):
            owner.attributes[name] = value
        elif isinstance(owner, Class):
            owner.members[name] = join([owner.members.get(name, UNKNOWN), value])
        elif isinstance(owner, Made):
            self.record.given.extend(attribute_site(owner.path, name, value, scope.module, self.place(scope, node)))

    def element(self, scope: Scope, node: ast.AST, value: Value, how: str = "goes over") -> Value:
        """Return what going over *value* gives, one after the other."""
        text = self.texts(value)
        if isinstance(text, Text):
            return self.misuse(scope, node, text, how)
        if text is not None:
            return text
        if isinstance(value, Either):
            return join([self.element(scope, node, one) for one in value.options if not isinstance(one, Text)])
        if isinstance(value, Items) and value.all:
            return join(list(value.all))
        if isinstance(value, Mapping) and value.entries and not value.open:
            return join([Constant(key) for key in value.entries])
        return UNKNOWN

    def attribute(self, scope: Scope, node: ast.AST, owner: Value, name: str) -> Value:  # noqa: PLR0911 - a case each
        """Return `owner.name`."""
        text = self.texts(owner)
        if text is not None:
            if name == "__class__":
                self.untaint(text)
            return attribute_of(self, scope, node, text, name)
        if isinstance(owner, External):
            path = f"{owner.path}.{name}"
            file = self.packages.get(path)
            module = self.load(file) if file is not None else None
            return External(path) if module is None else File(module)
        if isinstance(owner, File):
            return self.member(owner, name)
        if isinstance(owner, Instance | Class):
            return self.of_object(scope, node, owner, name)
        if isinstance(owner, Items | Mapping | Made | Constant):
            return Method(owner, name)
        if isinstance(owner, Either):
            return join([self.attribute(scope, node, one, name) for one in owner.options if one != NONE])
        return UNKNOWN

    def member(self, file: File, name: str) -> Value:
        """Return what the module *file* calls *name*: its own, or a module below it."""
        module = file.module
        if name in module.scope.names:
            return module.scope.names[name]
        below = self.folder.find(name, module.file, 1) if module.file.endswith("__init__.py") else None
        found = self.load(below) if below is not None else None
        return UNKNOWN if found is None else File(found)

    def of_object(  # noqa: PLR0911 - a case each
        self, scope: Scope, node: ast.AST, owner: Instance | Class, name: str
    ) -> Value:
        """Return the attribute *name* of an object or class of the folder."""
        if isinstance(owner, Instance) and name in owner.attributes:
            return owner.attributes[name]
        cls = owner.of if isinstance(owner, Instance) else owner
        found = find_member(cls, name)
        if isinstance(found, Constant) and names.is_enum(cls):
            return UNKNOWN  # an object that Python makes of the constant
        if not isinstance(found, Function) or found.flag == "staticmethod":
            return found
        if found.flag == "classmethod":
            return bound(found, cls)
        if isinstance(owner, Class):
            return found
        if found.flag == "property":
            return self.apply(scope, node, bound(found, owner), ())
        return bound(found, owner)
