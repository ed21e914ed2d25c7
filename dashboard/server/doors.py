"""What a page may reach: its own server alone. Said to the browser with every answer, and to Streamlit at the start.

Unpublished maps and spectra stand on these pages. The policy holds where code of others (plotly.js, Streamlit's own
script, a browser's extension that obeys it) would send them elsewhere, on purpose or by a mistake of ours. It names no
address, only 'self', so that it is right on any host and port and behind any proxy.
"""

from __future__ import annotations

import base64
import hashlib
import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import net_util

from dashboard.server.document import document

_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def inline_script_hashes(html: str) -> list[str]:
    """The scripts that stand in a page itself, as a policy names them."""
    digests = (hashlib.sha256(text.encode()).digest() for text in _INLINE_SCRIPT.findall(html))
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def content_security_policy() -> str:
    """As strict as Streamlit works with.

    `blob:` among scripts, because it imports the scripts of components from there; WebAssembly, because its messages'
    64-bit numbers are added up in it, which lets no text become a script; styles inline, because Streamlit,
    plotly.js and our own markup write them so; `data:` among images for the rugs and Streamlit's icons; `blob:` among
    them for a chart that is saved as a picture.
    """
    own_scripts = " ".join(inline_script_hashes(document()))
    rules = {
        "default-src": "'self'",
        "script-src": f"'self' blob: 'wasm-unsafe-eval' {own_scripts}",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "worker-src": "'self' blob:",
        "frame-src": "'self'",
        "frame-ancestors": "'self'",
        "form-action": "'self'",
        "base-uri": "'self'",
        "object-src": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


class DoorsShut:
    """Adds the policy, and two more headers that keep things in, to every answer over HTTP."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": content_security_policy(),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def ask_nobody_for_our_address() -> None:
    """Streamlit asks a server of Amazon's for its own public address: at the start where it listens on all of them, and
    whenever a page of another origin knocks. Nothing here needs to know it."""
    net_util.get_external_ip = lambda: None
