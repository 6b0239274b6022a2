// Keys of the console. Every element with data-key is reached by that key; while a person types, only Ctrl+Enter
// and Escape act (WCAG 2.1.4). Nothing here is needed to use the pages with a mouse or a screen reader.
(() => {
  "use strict";
  const OFF = "moderation-keys-off";
  const typing = (element) => element.matches("textarea, select, input:not([type=radio], [type=checkbox])");
  const off = () => localStorage.getItem(OFF) === "1";

  function act(element) {
    if (element.dataset.opens) {
      showKeys();
    } else if (element.matches("textarea, select, input:not([type=radio], [type=checkbox])")) {
      element.focus();
    } else if (element.matches("summary")) {
      element.parentElement.open = true;
      element.parentElement.querySelector("input").focus();
    } else {
      element.click();
      if (!element.matches("input[type=radio]")) return;
      const policy = document.getElementById("policy");
      const first = element.value === "confirmed" && policy && !policy.value ? policy : document.getElementById("ground");
      first.focus();
    }
  }

  function showKeys() {
    const list = document.getElementById("key-list");
    const known = [...document.querySelectorAll("[data-key][data-label]")].map((one) => [one.dataset.key, one.dataset.label]);
    if (document.querySelector("[data-row]")) known.push([keyOf("j"), "Next row"], [keyOf("k"), "Previous row"], ["Enter", "Open the row"]);
    if (document.querySelector("[data-submit]")) known.push(["Ctrl+Enter", "Decide and next"]);
    list.replaceChildren(...known.filter(([key]) => key).flatMap(([key, label]) => {
      const term = document.createElement("dt"), words = document.createElement("dd"), sign = document.createElement("kbd");
      sign.textContent = key;
      term.append(sign);
      words.textContent = label;
      return [term, words];
    }));
    document.getElementById("keys-on").checked = !off();
    document.getElementById("keys").showModal();
  }

  // A person's own keys take the place of those in the page; an empty one stands for no key.
  const own = JSON.parse(document.body?.dataset.keys ?? "{}");
  function mapKeys(root) {
    for (const element of root.querySelectorAll("[data-key]:not([data-mapped])")) {
      const key = own[element.dataset.key];
      element.dataset.mapped = "1";
      if (key === undefined) continue;
      for (const sign of element.closest("label, summary, button, a, th, td")?.querySelectorAll("kbd") ?? []) {
        if (sign.textContent === element.dataset.key) show(sign, key);
      }
      for (const sign of document.querySelectorAll(`label[for="${CSS.escape(element.id)}"] kbd`)) show(sign, key);
      element.dataset.key = key;
    }
  }
  function show(sign, key) {
    sign.textContent = key;
    sign.hidden = !key;
  }
  const keyOf = (key) => own[key] ?? key;

  // The time of work goes on over pages and ends with a pause of ten minutes.
  const STARTED = "moderation-started", SEEN = "moderation-seen", PAUSE_MS = 600_000;
  function remind() {
    const minutes = Number(document.body.dataset.break ?? 0), now = Date.now();
    if (!minutes || document.hidden) return;
    const seen = Number(localStorage.getItem(SEEN) ?? 0);
    if (now - seen > PAUSE_MS || !localStorage.getItem(STARTED)) localStorage.setItem(STARTED, String(now));
    localStorage.setItem(SEEN, String(now));
    const worked = Math.floor((now - Number(localStorage.getItem(STARTED))) / 60_000);
    const notice = document.getElementById("break");
    notice.hidden = worked < minutes;
    notice.querySelector("span").textContent = String(worked);
  }
  document.getElementById("break")?.querySelector("button").addEventListener("click", () => {
    localStorage.setItem(STARTED, String(Date.now()));
    remind();
  });
  setInterval(remind, 30_000);

  let chosen = null;
  function choose(step) {
    const rows = [...document.querySelectorAll("[data-row]")];
    if (!rows.length) return;
    const now = rows.findIndex((row) => row.dataset.row === chosen);
    const next = now < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, now + step));
    chosen = rows[next].dataset.row;
    mark();
    rows[next].scrollIntoView({ block: "nearest" });
    rows[next].querySelector("a").focus({ preventScroll: true });
  }
  function mark() {
    for (const row of document.querySelectorAll("[data-row]")) row.classList.toggle("chosen", row.dataset.row === chosen);
  }

  document.addEventListener("keydown", (event) => {
    const at = event.target;
    const moves = event.key === keyOf("j") || event.key === keyOf("k");
    // A key that is held down acts once: its repeats would act on the next page before a person has read it.
    if (event.repeat && !moves) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      // In another form, such as the reason of a skip, the keys send that form.
      const submit = document.querySelector("[data-submit]");
      if (at.form && at.form !== submit?.form) at.form.requestSubmit();
      else submit?.click();
      return;
    }
    if (event.key === "Escape" && typing(at)) at.blur();
    if (typing(at) || event.ctrlKey || event.metaKey || event.altKey || off() && event.key !== "?") return;
    if (document.querySelector("dialog[open]")) return;
    if (moves) {
      choose(event.key === keyOf("j") ? 1 : -1);
      return;
    }
    const found = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (found) {
      event.preventDefault();
      act(found);
    }
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-opens]")) showKeys();
  });
  document.addEventListener("change", (event) => {
    const fills = event.target.dataset.fills && document.getElementById(event.target.dataset.fills);
    if (fills && event.target.value) {
      fills.value = fills.value ? `${event.target.value} ${fills.value}` : `${event.target.value} `;
      event.target.value = "";
      fills.focus();
    }
    if (event.target.id === "keys-on") localStorage.setItem(OFF, event.target.checked ? "0" : "1");
  });
  // Refreshed rows keep the focus, so that Enter opens the chosen one and a screen reader stays there.
  let focused = null;
  document.addEventListener("htmx:before:swap", () => {
    focused = document.activeElement?.closest("#rows a")?.getAttribute("href") ?? null;
  });
  document.addEventListener("htmx:after:swap", () => {
    mapKeys(document);
    mark();
    if (focused) document.querySelector(`#rows a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  });
  mapKeys(document);
  remind();
  document.addEventListener("submit", (event) => {
    // A second press of a key must not send a form twice. Where the person stops a slow response, it can be sent again.
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "1";
    setTimeout(() => delete event.target.dataset.sent, 5_000);
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.forms) delete form.dataset.sent;
  });
})();
