"use strict";
// Without this script the pages are complete as of their loading; with it they keep up.

// The part of a page that changes is fetched again and put in the old one's place; where the reader is on the page stays as it is.
const live = document.getElementById("live");
const wait = Number(live && live.dataset.refresh) * 1000;
async function refresh() {
  try {
    if (document.visibilityState === "visible") {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
        const old = document.getElementById("live");
        if (fresh && old && fresh.innerHTML !== old.innerHTML && !old.contains(document.activeElement)) old.replaceWith(fresh);
        if (fresh && fresh.dataset.refresh === "0") return;
      }
    }
  } catch { /* the server is away: the next round asks again */ }
  setTimeout(refresh, wait);
}
if (wait > 0) setTimeout(refresh, wait);

// The log: only text nodes and class names of ours are made of what comes, never markup.
const log = document.getElementById("log");
let colour = "", bold = false, dim = false;
function style(codes) {
  for (const code of codes.split(";").map(Number)) {
    if (code === 38 || code === 48) return;
    if (code === 0) { colour = ""; bold = dim = false; }
    else if (code === 1) bold = true;
    else if (code === 2) dim = true;
    else if (code === 22) bold = dim = false;
    else if (code === 39) colour = "";
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) colour = "c" + code;
  }
}
function append(text) {
  const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 40;
  const sequence = /\u001b(?:\[([ -?]*)([@-~])?)?/g;
  let from = 0;
  const put = (until) => {
    const part = text.slice(from, until).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");
    if (!part) return;
    const classes = [colour, bold && "b", dim && "d"].filter(Boolean).join(" ");
    const node = classes ? document.createElement("span") : document.createTextNode(part);
    if (classes) { node.className = classes; node.textContent = part; }
    log.append(node);
  };
  for (const match of text.matchAll(sequence)) {
    put(match.index);
    if (match[2] === "m") style(match[1]);
    from = match.index + match[0].length;
  }
  put(text.length);
  if (atEnd) log.scrollTop = log.scrollHeight;
}
if (log && log.dataset.follow) {
  log.scrollTop = log.scrollHeight;
  const source = new EventSource(log.dataset.follow + "?after=" + encodeURIComponent(log.dataset.after));
  source.onmessage = (event) => append(event.data + "\n");
  source.addEventListener("end", () => source.close());
}
