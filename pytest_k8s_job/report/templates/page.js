"use strict";
// Shows the tests in pieces, so that 5,000 of them cost no more than a hundred until someone looks further.
const PIECE = 100;
const byId = (id) => document.getElementById(id);
const { outcomes, glyphs, rows } = JSON.parse(byId("data").textContent);
const haystacks = rows.map(([, nodeid, shard, , , note]) => `${nodeid} ${shard && `shard ${shard}`} ${note}`.toLowerCase());
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

function line([outcome, nodeid, shard, duration, anchor, note]) {
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
  made.append(state, test, make("td", shard), make("td", duration, "number"));
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
addEventListener("hashchange", openTarget);
// A second click on the same link changes no hash.
document.addEventListener("click", (event) => {
  if (event.target.closest("a[href^='#failure-']")) setTimeout(openTarget);
});
openTarget();
