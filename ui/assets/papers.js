// The Papers tab. `element`, `server` and `upload` are given by gradio; all HTML comes escaped.
const $ = (selector) => element.querySelector(selector);
const filters = $(".fp-filters");
const state = { sort: "date", descending: true, offset: 0 };
let asked = 0;
let shownId = null;
let opener = null;
let polling = false;

translate(element);
const limit = $(".fp-limit");
if (limit) limit.textContent = say("add.drop", { size: limit.dataset.size });

function tell(error) {
  const line = $(".fp-error");
  line.textContent = error || "";
  line.hidden = !error;
}

async function call(name, value = {}) {
  try {
    const reply = await server[name]({ language, ...value });
    if (reply && reply.error) tell(reply.error);
    return reply || {};
  } catch {
    tell(say("server_gone"));
    return { error: true };
  }
}

function sheet() {
  const form = new FormData(filters);
  const given = Object.fromEntries(
    ["organisation", "source", "since", "until"].map((n) => [n, form.get(n)]).filter(([, v]) => v));
  return { ...state, text: form.get("text"), undated: form.has("undated"), filters: given };
}

async function refresh(focus) {
  const mine = ++asked;
  const reply = await call("sheet", { sheet: sheet() });
  if (mine !== asked || reply.error) return; // a later letter was typed meanwhile
  tell("");
  const table = $(".fp-table");
  // A row or a heading that has the focus keeps it when the table is drawn again.
  const held = table.contains(document.activeElement) && nameOf(document.activeElement.dataset);
  table.innerHTML = reply.html;
  $(".fp-count").textContent = say("papers", { n: reply.total });
  if (focus || held) $(focus || held)?.focus();
}

function nameOf({ paper, sort }) {
  if (paper) return `.fp-table [data-paper="${CSS.escape(paper)}"]`;
  return sort ? `[data-sort="${sort}"]` : null;
}

async function overview() {
  const reply = await call("overview");
  if (reply.error) return;
  $(".fp-growth").innerHTML = reply.growth;
  for (const name of ["organisation", "source"]) {
    const chosen = filters.elements[name].value;
    filters.elements[name].innerHTML = reply[name];
    filters.elements[name].value = chosen;
  }
}

let typing;
function changed(wait) {
  state.offset = 0;
  clearTimeout(typing);
  typing = setTimeout(refresh, wait);
}
filters.addEventListener("input", (event) => changed(event.target.name === "text" ? 120 : 0));
filters.addEventListener("reset", () => changed(0));
filters.addEventListener("submit", (event) => { event.preventDefault(); changed(0); });

async function open(paperId) {
  const reply = await call("paper", { paper_id: paperId });
  if (reply.error) return;
  tell("");
  shownId = reply.paper_id;
  $(".fp-shown").innerHTML = reply.html;
  $(".fp-list").hidden = true;
  $(".fp-shown").hidden = false;
  $(".fp-shown h3").focus({ preventScroll: true });
  element.scrollIntoView({ block: "start" });
}

function back() {
  shownId = null;
  $(".fp-shown").hidden = true;
  $(".fp-list").hidden = false;
  const row = opener && $(nameOf({ paper: opener }));
  (row || filters.elements.text).focus();
}

function confirmed(question) {
  const dialog = $(".fp-dialog");
  dialog.querySelector("p").textContent = question;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((done) =>
    dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true }));
}

async function change(button) {
  if (!(await confirmed(button.dataset.ask))) return;
  const reply = await call("change", { do: button.dataset.do, paper_id: shownId });
  if (!reply.error) { tell(""); back(); follow(); }
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { sort, offset, paper } = button.dataset;
  if (sort) {
    // Names begin with the first letter, dates and counts with the newest or most.
    const first = sort !== "title" && sort !== "organisation";
    state.descending = state.sort === sort ? !state.descending : first;
    Object.assign(state, { sort, offset: 0 });
    refresh(`[data-sort="${sort}"]`);
  } else if (offset !== undefined) {
    state.offset = Number(offset);
    refresh(".fp-table [data-paper]").then(() => $(".fp-count").scrollIntoView({ block: "nearest" }));
  } else if (paper) {
    if (!shownId) opener = paper;
    open(paper);
  } else if (button.matches(".fp-back")) back();
  else if (button.dataset.do) change(button);
  else if (button.matches(".fp-cancel")) { button.disabled = true; call("cancel", { job_id: $(".fp-jobs").dataset.job }); }
  else if (button.matches(".fp-dismiss")) {
    sessionStorage.setItem("fp-dismissed", $(".fp-jobs").dataset.job);
    $(".fp-jobs").innerHTML = "";
  }
});
element.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && shownId && !$(".fp-dialog").open) back();
});

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
// Shows the job that runs, or ran last, to whoever comes.
async function follow() {
  if (polling) return;
  polling = true;
  let ran = false;
  for (;;) {
    const job = await call("job");
    if (job.error || !job.id) break;
    const isNew = sessionStorage.getItem("fp-dismissed") !== job.id;
    if (isNew && $(".fp-jobs").innerHTML !== job.html) {
      const held = $(".fp-jobs").contains(document.activeElement);
      $(".fp-jobs").dataset.job = job.id;
      $(".fp-jobs").innerHTML = job.html;
      if (held) $(".fp-jobs button")?.focus();
    }
    if (job.over) break;
    ran = true;
    await pause(document.hidden ? 3000 : 500);
  }
  polling = false;
  if (ran || shownJob !== $(".fp-jobs").dataset.job) {
    shownJob = $(".fp-jobs").dataset.job;
    document.dispatchEvent(new Event("footnote-papers"));
  }
}
let shownJob;

const form = $(".fp-add form");
if (form) {
  const chosen = form.elements.files;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    tell("");
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    button.textContent = say(chosen.files.length ? "add.sending" : "add.adding");
    try {
      const sent = [];
      for (const file of chosen.files) {
        // Said here: a server that refuses a body may be gone before the browser reads why.
        if (file.size > limit.dataset.size * 1e6) throw say("add.too_large", { name: file.name });
        sent.push((await upload(file)).path);
      }
      const reply = await call("add", { files: sent, query: form.elements.query.value });
      if (!reply.error) { form.reset(); follow(); }
    } catch (error) {
      tell(say("add.not_taken", { why: error.message || error }));
    }
    button.disabled = false;
    button.textContent = say("add.do");
  });
  const drop = $(".fp-drop");
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    chosen.files = event.dataTransfer.files;
  });
}

function drawAll() {
  refresh();
  overview();
}
document.addEventListener("footnote-papers", drawAll);
drawAll();
// Others may have begun a job since the tab was last open.
new IntersectionObserver((seen) => { if (seen.some((each) => each.isIntersecting)) follow(); })
  .observe(element);
