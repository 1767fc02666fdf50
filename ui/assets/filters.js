// The filters beside the thread: the same as those of the question that is open, both ways.
let filters = {};

const chosen = () => filters;

function drawFilters(html) {
  at("fn-filters").innerHTML = html;
  showFilters(filters);
}

function startFilters() {
  at("fn-side").addEventListener("change", (event) => {
    const name = event.target.dataset.filter;
    if (!name) return;
    const value = event.target.type === "checkbox" ? event.target.checked : event.target.value;
    choose({ [name]: asFilter(name, value) });
  });
}

// A year is all its days.
function asFilter(name, value) {
  if (!value) return null;
  if (name === "since") return `${value}-01-01`;
  if (name === "until") return `${value}-12-31`;
  if (name === "papers") return pins.map((pin) => pin.paper_id);
  return value;
}

// What is chosen counts for the questions to come, and the question that is open is asked again.
function choose(change) {
  const next = { ...filters, ...change };
  setFilters(next);
  const turn = lastTurn();
  const asked = turn?.answer?.request;
  if (asked) ask(turn.question, { turn, request: { ...asked, filters: filters } });
}

function setFilters(next) {
  filters = Object.fromEntries(Object.entries(next ?? {}).filter(([, value]) => value != null));
  showFilters(filters);
}

// Shows what the open question is filtered by, whoever said so.
function showFilters(shown) {
  const now = shown ?? {};
  filters = Object.fromEntries(Object.entries(now).filter(([, value]) => value != null));
  for (const field of at("fn-side").querySelectorAll("[data-filter]")) {
    const value = filters[field.dataset.filter];
    if (field.type === "checkbox") field.checked = Boolean(value);
    else pick(field, field.dataset.filter === "since" || field.dataset.filter === "until" ? value?.slice(0, 4) : value);
  }
  const [from, to] = [filters.since?.slice(0, 4) ?? "", filters.until?.slice(0, 4) ?? "9999"];
  for (const bar of document.querySelectorAll(".fn-bar")) {
    bar.classList.toggle("fn-on", bar.dataset.year >= from && bar.dataset.year <= to);
  }
  document.querySelector("[data-do=clear_filters]").hidden = !Object.keys(filters).length;
}

// A name that the menu lacks is put into it: a question may say any.
function pick(field, value) {
  if (!value) return (field.value = "");
  const known = [...field.options].find((each) => each.value.toLowerCase() === value.toLowerCase());
  if (known) field.value = known.value;
  else {
    field.append(make("option", { value }, value));
    field.value = value;
  }
}
