"""What a browser's window sends: what goes anywhere but to the page's own server, and what is refused there."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response

_STAYS = ("data", "blob", "about")  # never leave the browser
_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation",
  (event) => window.reportViolation?.(`${event.violatedDirective}: ${event.blockedURI} (${event.sourceFile})`));
"""
_ADDRESSES_ON_THE_PAGE = """() => [
  ...[...document.querySelectorAll("a[href]")].map((link) => link.href),
  ...[...document.querySelectorAll("form")].map((form) => form.action),
]"""


class Outgoing:
    """Requests, WebSockets, new windows and what the page's policy stopped, of all windows of a context."""

    def __init__(self, context: BrowserContext, own_address: str) -> None:
        self._own = urlsplit(own_address).netloc
        self.seen = 0
        self.outside: list[str] = []
        self.violations: list[str] = []
        self.refused: list[str] = []  # answers of 400 and more
        context.expose_function("reportViolation", lambda what: self.violations.append(what))
        context.add_init_script(_REPORT_VIOLATIONS)
        context.on("request", lambda request: self._note(request.url, request.method))
        context.on("response", self._look_at)
        context.on("console", self._listen)
        context.on("page", self._watch)

    def look_at_links(self, page: Page) -> None:
        """Where links and forms of the page would lead, whether or not somebody follows them."""
        for url in page.evaluate(_ADDRESSES_ON_THE_PAGE):
            self._note(url, "link to")

    def _watch(self, page: Page) -> None:
        self._note(page.url, "window")
        page.on("websocket", lambda socket: self._note(socket.url, "socket"))

    def _note(self, url: str, how: str) -> None:
        parts = urlsplit(url)
        self.seen += 1
        if parts.scheme not in _STAYS and parts.netloc != self._own:
            self.outside.append(f"{how} {url}")

    def _look_at(self, answer: Response) -> None:
        if answer.status >= 400:
            self.refused.append(f"{answer.status} {answer.url}")

    def _listen(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
            self.violations.append(message.text)
