"""Commands of SSM documents, as the SSM agent on a node would run them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping


def render_command(content: str, parameters: Mapping[str, str]) -> str:
    """Return the shell command of a Command document of one step.

    Args:
        content: The document, in schema 2.2.
        parameters: A value for each of the document's parameters.
    """
    document = json.loads(content)
    if document["parameters"].keys() != parameters.keys():
        raise UserError(f"The document takes {', '.join(document['parameters'])}.", repair="name exactly these")
    [step] = document["mainSteps"]
    command = "\n".join(step["inputs"]["runCommand"])
    for name, value in parameters.items():
        if not re.fullmatch(document["parameters"][name]["allowedPattern"], value):
            raise UserError(f"The document refuses {value!r} as {name}.", repair="give another value")
        command = command.replace(f"{{{{ {name} }}}}", value)
    return command
