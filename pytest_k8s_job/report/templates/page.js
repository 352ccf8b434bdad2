"use strict";
// Shows the tests in pieces, so that 5,000 of them cost no more than a hundred until someone looks further.
const PIECE = 100;
const byId = (id) => document.getElementById(id);
const { outcomes, glyphs, rows, span } = JSON.parse(byId("data").textContent);
const haystacks = rows.map(([, nodeid, shard, , , , note]) => `${nodeid} ${shard && `shard ${shard}`} ${note}`.toLowerCase());
let wanted = "";
let found = [];
let shown = 0;

function make(tag, text, className) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function badge(name) {
  const made = make("span", "", `outcome ${name}`);
  const glyph = make("span", glyphs[name]);
  glyph.setAttribute("aria-hidden", "true");
  made.append(glyph, ` ${name}`);
  return made;
}

function seconds(value) {
  if (value === null) return "";
  if (value < 0.0995) return `${Math.round(value * 1000)} ms`;
  return value < 60 ? `${value.toFixed(value < 10 ? 2 : 1)} s` : `${Math.floor(value / 60)} min ${Math.floor(value % 60)} s`;
}

function line([outcome, nodeid, shard, began, took, anchor, note]) {
  const cut = nodeid.indexOf("::");
  const file = cut < 0 ? "" : nodeid.slice(0, cut);
  const name = make(anchor ? "a" : "span", cut < 0 ? nodeid : nodeid.slice(cut + 2));
  if (anchor) name.href = `#${anchor}`;
  const test = make("th");
  test.scope = "row";
  test.append(name, " ", make("span", file, "file"), " ", make("span", note, "note"));
  const state = make("td");
  state.append(badge(outcomes[outcome]));
  const made = make("tr");
  const cells = [["shard", shard, ""], ["after", seconds(began), "number"], ["took", seconds(took), "number"]];
  made.append(state, test, ...cells.map(([label, text, className]) => {
    const cell = make("td", text, className);
    if (text) cell.dataset.label = label;
    return cell;
  }));
  return made;
}

function showMore() {
  const piece = found.slice(shown, shown + PIECE).map((index) => line(rows[index]));
  document.querySelector("#rows tbody").append(...piece);
  shown += piece.length;
  byId("more").hidden = shown >= found.length;
  byId("more").textContent = `Show ${Math.min(PIECE, found.length - shown)} more of ${(found.length - shown).toLocaleString("en")}`;
}

function find() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const index = outcomes.indexOf(wanted);
  found = [];
  rows.forEach((row, i) => {
    if ((index < 0 || row[0] === index) && words.every((word) => haystacks[i].includes(word))) found.push(i);
  });
  document.querySelector("#rows tbody").replaceChildren();
  shown = 0;
  showMore();
  byId("rows").hidden = !found.length;
  byId("found").textContent = found.length === rows.length ? "" : `${found.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} tests`;
}

// The test whose bar is at a place of the time line, the worst if there are several.
function testAt(event) {
  const lane = event.target.closest("[data-shard]");
  if (!lane) return null;
  const box = lane.getBoundingClientRect();
  const time = ((event.clientX - box.left) / box.width) * span;
  const slack = span / 500; // a bar is no narrower than this
  const under = rows.filter(([, , shard, began, took]) => shard === lane.dataset.shard && began !== null && began <= time && time <= began + Math.max(took, slack));
  return under.sort((one, other) => one[0] - other[0])[0] ?? null;
}

function point(event) {
  const row = testAt(event);
  byId("pointed").textContent = row ? `after ${seconds(row[3])}: ${row[1]} ${outcomes[row[0]]}, took ${seconds(row[4])}` : "";
}

// A link to a failure opens it.
function openTarget() {
  const target = location.hash.startsWith("#failure-") && byId(location.hash.slice(1));
  if (!target) return;
  for (let each = target; each; each = each.parentElement.closest("details")) each.open = true;
  target.scrollIntoView();
  target.querySelector("summary").focus({ preventScroll: true });
}

if (rows.length) {
  const buttons = [...document.querySelectorAll("[data-outcome]")];
  for (const button of buttons) {
    button.addEventListener("click", () => {
      wanted = button.dataset.outcome;
      for (const each of buttons) each.setAttribute("aria-pressed", String(each === button));
      find();
    });
  }
  byId("search").addEventListener("input", find);
  byId("find").addEventListener("submit", (event) => event.preventDefault());
  byId("more").addEventListener("click", () => {
    const first = shown;
    showMore();
    if (byId("more").hidden) document.querySelectorAll("#rows tbody tr")[first].scrollIntoView({ block: "nearest" });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input")) return;
    event.preventDefault();
    byId("search").focus();
    byId("search").scrollIntoView({ block: "center" });
  });
  byId("without-script").remove();
  byId("find").hidden = false;
  find();
}
for (const button of document.querySelectorAll(".copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.previousElementSibling.textContent);
    button.textContent = "Copied";
  });
}
for (const lane of document.querySelectorAll("[data-shard]")) {
  byId("pointed").hidden = false;
  lane.addEventListener("mousemove", point);
  lane.addEventListener("click", (event) => {
    const row = testAt(event);
    if (row?.[5]) location.hash = row[5];
  });
}
addEventListener("hashchange", openTarget);
// A second click on the same link changes no hash.
document.addEventListener("click", (event) => {
  if (event.target.closest("a[href^='#failure-']")) setTimeout(openTarget);
});
openTarget();
