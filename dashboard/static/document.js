// Loaded before Streamlit's own script, by every page.
(() => {
  "use strict";

  // An entry of the browser's history is a page; what is chosen on that page changes its entry. Streamlit makes an
  // entry of every change of the address, and two of a change of the page: st.switch_page announces the next page's
  // query while the address still has the path of the one before, and Back would lead to that mixture.
  const push = history.pushState.bind(history);
  let announced = null; // what this entry's address was before its query changed, and to what
  history.pushState = (state, title, url) => {
    const next = new URL(url, location.href);
    if (next.pathname === location.pathname) {
      announced = { before: location.href, query: next.search };
      history.replaceState(state, title, url);
      return;
    }
    if (announced && announced.query === next.search) history.replaceState(history.state, "", announced.before);
    announced = null;
    push(state, title, url);
  };
  // A page may empty its own query too: what comes after another act of the reader was not announced by it.
  const forget = () => { if (announced && announced.query === "") announced = null; };
  for (const act of ["pointerdown", "keydown"]) addEventListener(act, forget, true);
  addEventListener("popstate", () => { announced = null; });

  // Streamlit may leave an empty page behind. A click on a part of the page that is being left arrives when the next
  // page is there already, and its answer clears that one; or a late message for a place that is gone ("Bad delta
  // path") takes the whole document down. The address is right all the same, so the page is loaded anew; not without
  // end, where that does not help.
  const LOOK_MS = 500, EMPTY_LOOKS = 4, AGAIN_MS = 10000, KEY = "focus-loaded-anew";
  let looks = 0, stood = false;
  const isEmpty = () => {
    const app = document.querySelector(".stApp");
    if (!app) return stood;
    if (app.dataset.testScriptState === "running" || app.dataset.testConnectionState !== "CONNECTED") return false;
    return !document.querySelector('[data-testid="stMain"] [data-testid="stElementContainer"]');
  };
  setInterval(() => {
    stood ||= document.querySelector(".stApp") !== null;
    looks = isEmpty() ? looks + 1 : 0;
    if (looks < EMPTY_LOOKS || Date.now() - Number(sessionStorage.getItem(KEY) || 0) < AGAIN_MS) return;
    sessionStorage.setItem(KEY, String(Date.now()));
    location.reload();
  }, LOOK_MS);
})();
