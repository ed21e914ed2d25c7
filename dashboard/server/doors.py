"""What a page may connect to: its own server alone. Sent to the browser with every response; set in Streamlit at start.

Unpublished maps and spectra are on these pages. The policy also stops foreign code (plotly.js, Streamlit's own
script, a browser extension that obeys it) from sending them elsewhere, on purpose or through a mistake of ours. It
names no address, only 'self', so that it is right on any host and port and behind any proxy.
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
    """Hashes of the inline scripts of a page, in the form a policy needs."""
    digests = (hashlib.sha256(text.encode()).digest() for text in _INLINE_SCRIPT.findall(html))
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def content_security_policy() -> str:
    """As strict as Streamlit allows.

    `blob:` among scripts, because Streamlit imports the scripts of components from there; WebAssembly, because it adds
    up the 64-bit numbers of its messages in it, which turns no text into a script; styles inline, because Streamlit,
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
    """Adds the policy, and two more headers that keep data in, to every HTTP response."""

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
    """Streamlit asks an Amazon server for its own public address: at the start if it listens on all addresses, and
    whenever a page of another origin connects. Nothing here needs it."""
    net_util.get_external_ip = lambda: None
