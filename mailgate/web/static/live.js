// Keeps the console current: asks each second for the pieces of the page and exchanges those that changed, without
// closing what is open or losing what is being typed. The page works whole without it.
"use strict";

const POLL_MS = 1000;
let seen = "";

async function refresh() {
  const answer = await fetch(`/live.json?seen=${seen}`);
  if (answer.status === 204) return;
  if (!answer.ok) throw new Error(`live.json: ${answer.status}`);
  const { version, sections } = await answer.json();
  for (const [name, pieces] of Object.entries(sections)) {
    renew(document.querySelector(`[data-section="${name}"]`), pieces);
  }
  seen = version;
}

function renew(section, pieces) {
  const old = new Map([...section.children].map((item) => [item.dataset.key, item]));
  let place = section.firstElementChild;
  for (const [key, version, html] of pieces) {
    const item = old.get(key) ?? newItem(section, key);
    old.delete(key);
    if (item.dataset.version !== version) fill(item, version, html);
    // What stands in its place stays untouched: moving an element would take the focus from it.
    if (item === place) place = place.nextElementSibling;
    else section.insertBefore(item, place);
  }
  for (const gone of old.values()) gone.remove();
}

function newItem(section, key) {
  const item = document.createElement(section.tagName === "UL" ? "li" : "div");
  item.dataset.key = key;
  item.className = "fresh";
  return item;
}

function fill(item, version, html) {
  const open = [...item.querySelectorAll("details[open]")].map((details) => details.id);
  const typed = [...item.querySelectorAll("textarea")].map((field) => [field.id, field.value]);
  const focus = item.contains(document.activeElement) ? document.activeElement : null;
  item.innerHTML = html;
  item.dataset.version = version;
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  for (const [id, value] of typed) if (document.getElementById(id)) document.getElementById(id).value = value;
  refocus(focus);
}

function refocus(old) {
  const field = old?.id && document.getElementById(old.id);
  if (!field) return;
  field.focus({ preventScroll: true });
  if (field.tagName === "TEXTAREA") field.setSelectionRange(old.selectionStart, old.selectionEnd);
}

function say(words, trouble) {
  const said = document.getElementById("said");
  said.textContent = words;
  said.classList.toggle("trouble", trouble);
}

async function act(form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter));
  const target = submitter?.getAttribute("formaction") ?? form.action;
  if (submitter) submitter.disabled = true;
  try {
    const answer = await fetch(target, { method: "POST", body, headers: { Accept: "application/json" } });
    const { said, trouble } = await answer.json();
    say(said ?? trouble, !answer.ok);
    // Closing a ticket leaves alone what is being written in it.
    if (answer.ok && !submitter?.hasAttribute("formaction")) form.reset();
    await refresh();
  } catch {
    say("That did not work. Is the demo still running?", true);
  } finally {
    if (submitter) submitter.disabled = false;
  }
}

async function poll() {
  const live = document.getElementById("live");
  try {
    if (!document.hidden) await refresh();
    live.className = "";
    live.textContent = "Live.";
  } catch {
    live.className = "lost";
    live.textContent = "The demo does not answer; this page is no longer live.";
  }
  setTimeout(poll, POLL_MS);
}

document.addEventListener("submit", (event) => {
  event.preventDefault();
  act(event.target, event.submitter);
});

const copy = document.getElementById("copy");
copy.hidden = false;
copy.addEventListener("click", async () => {
  await navigator.clipboard.writeText(document.getElementById("first-mail").textContent);
  copy.textContent = "Copied";
});

poll();
