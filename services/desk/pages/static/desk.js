// What the pages do beyond plain HTML: keys, live numbers by server-sent events, copying. Every page works without it.

const items = () => [...document.querySelectorAll("[data-item]")];
const linkOf = (item) => item.querySelector("a[href]");

function move(step) {
  const all = items();
  if (!all.length) return;
  const at = all.findIndex((item) => item.classList.contains("current"));
  const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
  all.forEach((item) => item.classList.toggle("current", item === next));
  linkOf(next)?.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

function toggle(boxes) {
  const shown = boxes.some((box) => box.checked);
  boxes.forEach((box) => { box.checked = !shown; });
}

const keys = {
  "/": () => { const box = document.getElementById("q"); if (box) { box.focus(); box.select(); } else location.assign("/"); },
  j: () => move(1),
  k: () => move(-1),
  o: () => { const item = document.querySelector("[data-item].current"); if (item) linkOf(item)?.click(); },
  e: () => toggle([...document.querySelectorAll(".toggle-entity")]),
  r: () => toggle([...document.querySelectorAll("#show-removed")]),
  "?": () => location.assign("/help#keys"),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("textarea, select, input:not([type=checkbox])");
  if (event.key === "Escape" && typing) { typing.blur(); return; }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
  event.preventDefault();
  keys[event.key]();
});

function show({ text, points }) {
  for (const [key, said] of Object.entries(text)) {
    const cell = document.querySelector(`[data-live="${CSS.escape(key)}"]`);
    if (cell && cell.textContent !== said) cell.textContent = said;
  }
  for (const [key, line] of Object.entries(points)) {
    const svg = document.querySelector(`[data-spark="${CSS.escape(key)}"]`);
    svg?.querySelector("polyline").setAttribute("points", line.line);
    svg?.querySelector("polygon").setAttribute("points", line.area);
    svg?.querySelector("path").setAttribute("d", `M${line.line.split(" ").at(-1)}h0`);
  }
}

const pipeline = document.querySelector("[data-events]");
if (pipeline) {
  const source = new EventSource(pipeline.dataset.events);
  source.addEventListener("pipeline", (event) => {
    pipeline.parentElement.classList.add("on");
    pipeline.textContent = `live, ${new Date().toISOString().slice(11, 19)} UTC`;
    show(JSON.parse(event.data));
  });
  source.addEventListener("error", () => {
    pipeline.parentElement.classList.remove("on");
    pipeline.textContent = "the connection was lost; trying again";
  });
}

const pill = document.querySelector("[data-stream]");
if (pill) {
  const seen = new Set();
  const source = new EventSource(pill.dataset.stream);
  const count = (event) => {
    seen.add(event.lastEventId || seen.size);
    pill.hidden = false;
    pill.textContent = `${seen.size} new`;
  };
  source.addEventListener("extracted", count);
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
  });
}

if (matchMedia("(max-width: 60rem)").matches) document.querySelector(".facets .fold")?.removeAttribute("open");
