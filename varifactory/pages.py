"""Pages that open from a folder, a bucket or an e-mail: one file, nothing fetched, all escaped."""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment() -> Environment:
    """Templates with escaping on and undefined names refused."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["count"] = lambda number: f"{number:,}"
    found.filters["first_large"] = lambda text: text[:1].upper() + text[1:]
    return found


def render_page(template: str, script: str = "", **context: Any) -> bytes:
    """A whole page of ``template``; ``script`` names the one script that may run in it.

    The page's content security policy allows that script by its hash and nothing else, so that
    even markup which slipped through escaping could neither run nor fetch.
    """
    code, policy = _script(script)
    page = environment().get_template(template)
    return page.render(policy=policy, code=Markup(code), **context).encode()


def page_head(script: str) -> bytes:
    """How every page with this script begins, up to the end of its policy.

    What comes after cannot undo it: a page from elsewhere that begins so runs no other script.
    """
    _, policy = _script(script)
    return _HEAD.format(escape(policy)).encode()


_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{}">"""


def _script(name: str) -> tuple[str, str]:
    """A script's text, and the policy that lets it run and nothing else."""
    code = (TEMPLATES / name).read_text(encoding="utf-8") if name else ""
    source = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    allowed = f"'sha256-{source}'" if name else "'none'"
    return code, (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
        f"form-action 'none'; script-src {allowed}"
    )


def data_uri(kind: str, data: bytes) -> str:
    """``data`` as an address that holds it; ``kind`` is its media type."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
