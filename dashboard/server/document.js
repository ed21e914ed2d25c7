// Loaded before Streamlit's own script, by every page.
(() => {
  "use strict";

  // The server is where this script comes from. Untold, Streamlit asks for it below the page's own address first
  // (/new/_stcore/health), where there is none.
  window.__streamlit = { BACKEND_BASE_URL: new URL("../../", document.currentScript.src).href };

  // An entry of the browser's history is a page; what is chosen on that page changes its entry. Streamlit makes an
  // entry of every change of the address, and two of a change of the page: st.switch_page announces the next page's
  // query while the address still has the path of the one before, and Back would lead to that mixture.
  const push = history.pushState.bind(history), replace = history.replaceState.bind(history);
  let announced = null; // what this entry's address was before its query changed, and to what

  // Back and Forward are quicker than the server: a run that was asked for before them still sends its page and its
  // query. Every run says first where it was asked from (dashboard/server/hearing.py), in a query that is none; what comes of
  // a run that was asked from somewhere else, the reader has overtaken, and the address stays where they have gone.
  const MARK = /[?&]asked-from=([^&]*)$/;
  let been = new Set([location.pathname]); // where the reader has been since Back or Forward
  let wish = null, drawn = null, overtaken = false, here = location.pathname + location.search;
  const heard = (from) => {
    const [path, number, page] = decodeURIComponent(from).split("#");
    if (number !== wish) overtaken = !been.has(path);
    wish = number;
    drawn = page; // Streamlit may come to the page of an earlier run only now
  };
  const settle = (change, state, title, url) => {
    change(state, title, url);
    been.add(location.pathname);
    here = location.pathname + location.search;
  };
  const changeQuery = (state, title, url) => {
    const mark = MARK.exec(url);
    if (mark) heard(mark[1]);
    else if (!overtaken) settle(replace, state, title, url);
  };
  history.replaceState = (state, title, url) => changeQuery(state, title, String(url));
  history.pushState = (state, title, url) => {
    const next = new URL(String(url).replace(MARK, ""), location.href);
    if (next.pathname === location.pathname) {
      if (!MARK.test(url) && !overtaken) announced = { before: location.href, query: next.search };
      changeQuery(state, title, String(url));
      return;
    }
    if (overtaken || (drawn !== null && next.pathname.split("/").pop() !== drawn)) return;
    if (announced && announced.query === next.search) replace(history.state, "", announced.before);
    announced = null;
    settle(push, state, title, next.href);
  };
  // A page may empty its own query too: what comes after another act of the reader was not announced by it.
  const forget = () => { if (announced && announced.query === "") announced = null; };
  for (const act of ["pointerdown", "keydown"]) addEventListener(act, forget, true);
  addEventListener("popstate", () => {
    announced = null;
    been = new Set([location.pathname]);
    overtaken ||= here !== location.pathname + location.search; // a place on the same page asks for no run
    here = location.pathname + location.search;
  });

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
