"""What a browser's windows send or open: all that leaves for other servers than the page's, and refusals there."""

from __future__ import annotations

from typing import Literal, get_args
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response

# How each channel is observed. "policy" is the page's own event for what its policy blocked, "console" the browser's
# message about it, which is all there is for a window without a script of ours.
Ear = Literal[
    "request", "socket", "window", "worker", "shared worker", "service worker", "peer", "link", "policy", "console"
]
EARS: tuple[Ear, ...] = get_args(Ear)

_STAYS = ("data", "blob", "about")  # never leave the browser
# Playwright has no events for shared workers and connections between browsers.
_REPORT = """
addEventListener("securitypolicyviolation", (event) => window.reportDoor?.("policy",
  `${event.violatedDirective}: ${event.blockedURI} (${event.sourceFile})`), true);
for (const [name, ear] of [["SharedWorker", "shared worker"], ["RTCPeerConnection", "peer"]]) {
  const own = window[name];
  if (own) window[name] = new Proxy(own, { construct(made, given) {
    window.reportDoor?.(ear, String(given[0]?.iceServers?.[0]?.urls ?? given[0]));
    return Reflect.construct(made, given);
  } });
}
"""
_ADDRESSES_ON_THE_PAGE = """() => [
  ...[...document.querySelectorAll("a[href]")].map((link) => link.href),
  ...[...document.querySelectorAll("form")].map((form) => form.action),
]"""


class Outgoing:
    """Listens to all windows of a context, starting before its first; no page of ours opens another one."""

    def __init__(self, context: BrowserContext, own_address: str) -> None:
        self._own = urlsplit(own_address).netloc
        self._own_window_is_open = False
        self.seen = 0
        self.outside: list[tuple[Ear, str]] = []
        self.refused: list[str] = []  # answers of 400 and more
        context.expose_function("reportDoor", lambda ear, what: self.outside.append((ear, what)))
        context.add_init_script(_REPORT)
        context.on("request", lambda request: self._note("request", request.url))
        context.on("response", self._look_at)
        context.on("console", self._listen)
        context.on("page", self._watch)
        context.on("serviceworker", lambda worker: self.outside.append(("service worker", worker.url)))

    def look_at_links(self, page: Page) -> None:
        """Where links and forms of the page would lead, whether or not they are followed."""
        for url in page.evaluate(_ADDRESSES_ON_THE_PAGE):
            self._note("link", url)

    def _watch(self, page: Page) -> None:
        if self._own_window_is_open:
            self.outside.append(("window", page.url))
        self._own_window_is_open = True
        page.on("websocket", lambda socket: self._note("socket", socket.url))
        page.on("worker", lambda worker: self.outside.append(("worker", worker.url)))

    def _note(self, ear: Ear, url: str) -> None:
        parts = urlsplit(url)
        self.seen += 1
        if parts.scheme not in _STAYS and parts.netloc != self._own:
            self.outside.append((ear, url))

    def _look_at(self, answer: Response) -> None:
        if answer.status >= 400:
            self.refused.append(f"{answer.status} {answer.url}")

    def _listen(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
            self.outside.append(("console", message.text))
