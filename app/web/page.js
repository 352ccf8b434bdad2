// The page over the service's own API: nothing here that curl could not do.
const POLL_BUSY = 1000; // ms between looks while a job is under way
const POLL_IDLE = 5000; // ms otherwise: someone else may submit jobs
const FINAL = new Set(["complete", "failed"]);
const element = (id) => document.getElementById(id);
const known = new Map(); // job id -> last status seen
let timer = 0; // of the next look
let shown = null; // id of the job whose result is open

async function call(method, path, body, type) {
  const headers = type ? { "Content-Type": type } : {};
  let response;
  try {
    response = await fetch(path, { method, body, headers });
  } catch {
    throw new Error("The service does not answer.");
  }
  if (response.ok) return response.status === 204 ? null : response.json();
  const problem = await response.json().catch(() => ({}));
  const error = new Error(problem.detail ?? `The service answered ${response.status}.`);
  error.status = response.status;
  throw error;
}

function notice(text) {
  element("notice").textContent = text;
  element("notice").hidden = !text;
}

// Runs an action of the user: says what went wrong, or takes the last complaint away.
const guarded = (action) => async (event) => {
  event?.preventDefault?.();
  try {
    await action(event);
    notice("");
  } catch (error) {
    notice(error.message);
  }
};

const unbroken = (date) => date.replaceAll("-", "\u2011"); // a date stays on one line

async function showExtent() {
  let extent = null;
  try {
    extent = await call("GET", "/data");
  } catch (error) {
    if (error.status !== 404) throw error;
  }
  element("data-line").textContent = extent
    ? `${extent.rows.toLocaleString("en")} days loaded, ${unbroken(extent.first)} to ${unbroken(extent.last)}.`
    : "No data set is loaded yet.";
  document.querySelector("#submit button").disabled = !extent;
  for (const id of extent ? ["start", "end"] : []) {
    const field = element(id);
    [field.min, field.max] = [extent.first, extent.last];
    if (!field.value || field.value < extent.first || field.value > extent.last) {
      field.value = id === "start" ? extent.first : extent.last;
    }
  }
}

function row(id, job) {
  const line = document.createElement("tr");
  const cell = () => line.appendChild(document.createElement("td"));
  const when = document.createElement("time");
  when.dateTime = job.datetime;
  when.textContent = new Date(job.datetime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  cell().append(when);
  const code = document.createElement("code");
  code.textContent = id.slice(0, 8);
  code.title = id;
  cell().append(code);
  const status = document.createElement("span");
  status.className = `status ${job.status.replace(" ", "-")}`;
  status.textContent = job.status;
  cell().append(status);
  const actions = cell();
  if (FINAL.has(job.status)) actions.append(button(`${job.status === "failed" ? "Why" : "Show"}`, id, () => show(id)));
  actions.append(button("Delete", id, () => remove(id)));
  return line;
}

function button(text, id, action) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "quiet";
  made.textContent = text;
  made.dataset.key = `${text} ${id}`;
  made.setAttribute("aria-label", `${text} job ${id.slice(0, 8)}`);
  made.addEventListener("click", guarded(action));
  return made;
}

function render(jobs) {
  const entries = Object.entries(jobs).reverse();
  const changed = entries.filter(([id, job]) => known.get(id) !== job.status);
  if (!changed.length && known.size === entries.length) return;
  for (const [id, job] of changed) {
    if (FINAL.has(job.status) && known.has(id)) element("live").textContent = `Job ${id.slice(0, 8)} is ${job.status}.`;
  }
  known.clear();
  for (const [id, job] of entries) known.set(id, job.status);
  const focus = document.activeElement?.dataset?.key; // replacing the rows must not lose the keyboard's place
  document.querySelector("#table tbody").replaceChildren(...entries.map(([id, job]) => row(id, job)));
  if (focus) document.querySelector(`[data-key="${focus}"]`)?.focus();
  for (const id of ["table", "clear"]) element(id).hidden = !entries.length;
  element("empty").hidden = entries.length > 0;
  if (shown && !known.has(shown)) close();
}

async function refresh() {
  render(await call("GET", "/jobs"));
}

async function poll() {
  clearTimeout(timer);
  let lost = false;
  try {
    await refresh();
  } catch (error) {
    lost = true;
    notice(error.message);
  }
  if (!lost && element("notice").textContent === "The service does not answer.") notice("");
  const busy = [...known.values()].some((status) => !FINAL.has(status));
  clearTimeout(timer);
  timer = setTimeout(poll, busy ? POLL_BUSY : POLL_IDLE);
}

async function show(id) {
  const job = await call("GET", `/jobs/${id}`);
  if (job.status === "failed") throw new Error(`Job ${id.slice(0, 8)} failed: ${job.reason}`);
  const result = await call("GET", `/results/${id}`);
  const { temperature: celsius, precipitation: millimetres } = result.units;
  const weather = Object.entries(result.weather).map(([kind, days]) => `${kind} ${days}`).join(" · ");
  const figures = [
    ["Days", result.count],
    ["Mean temperature", `${result.temperature.mean} ${celsius}`],
    ["Lowest", `${result.temperature.min} ${celsius}`],
    ["Highest", `${result.temperature.max} ${celsius}`],
    ["Precipitation", `${result.precipitation.total} ${millimetres}`],
    ["Days by weather", weather],
  ];
  element("figures").replaceChildren(...figures.map(([name, value]) => figure(name, value)));
  element("result-title").textContent = `${result.start} to ${result.end}`;
  element("plot").src = element("download").href = `/download/${id}`;
  element("plot").alt = `Temperature and precipitation from ${result.start} to ${result.end}: lowest ${result.temperature.min}, highest ${result.temperature.max} ${celsius}.`;
  element("result").hidden = false;
  element("result-title").focus();
  shown = id;
}

function figure(name, value) {
  const pair = document.createElement("div");
  pair.className = name === "Days by weather" ? "wide" : "";
  for (const [tag, text] of [["dt", name], ["dd", value]]) {
    pair.appendChild(document.createElement(tag)).textContent = text;
  }
  return pair;
}

function close() {
  element("result").hidden = true;
  element("plot").removeAttribute("src");
  shown = null;
}

async function remove(id) {
  await call("DELETE", `/jobs/${id}`);
  await refresh();
  element("jobs").focus();
}

element("load").addEventListener("click", guarded(async () => {
  await call("POST", "/data");
  await showExtent();
}));
element("file").addEventListener("change", guarded(async ({ target }) => {
  const [file] = target.files;
  target.value = "";
  if (!file) return;
  await call("POST", "/data", await file.arrayBuffer(), "text/csv");
  await showExtent();
}));
element("submit").addEventListener("submit", guarded(async () => {
  const period = { start: element("start").value, end: element("end").value };
  await call("POST", "/jobs", JSON.stringify(period), "application/json");
  await poll();
}));
element("clear").addEventListener("click", guarded(async () => {
  if (!confirm("Delete every job with its result?")) return;
  await call("DELETE", "/jobs");
  await refresh();
}));

guarded(showExtent)();
poll();
