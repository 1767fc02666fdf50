// What a button does, by its `data-do`.
const changeRequest = (turn, change) =>
  ask(turn.question, { turn, request: { ...turn.answer.request, ...change } });

// What a request has where none of a part is asked for; of others nothing.
const WITHOUT = { in_title: false, begins: false, fewest_first: false, by_title: false, also: [] };

const actions = {
  new: newConversation,
  stop,
  theme: nextTheme,
  help: showHelp,
  settings: showSettings,
  menu: openMenu,
  close: () => closeSheet() || closeMenu(),
  open: async ({ data }) => {
    const each = await keptConversation(data.id);
    closeMenu();
    if (!each) return;
    await openThread(each);
    if (lastTurn()) history.pushState({ conversation: each.id, turn: lastTurn().id }, "", addressOf(lastTurn()));
  },
  rename: ({ data }) => renameConversation(data.id),
  keep: ({ data }) => keepConversation(data.id),
  delete: ({ data }) => deleteConversation(data.id),
  delete_all: deleteAll,
  clear_filters: () => choose(Object.fromEntries(Object.keys(filters).map((name) => [name, null]))),
  year: ({ data }) => {
    const isOn = filters.since === `${data.year}-01-01` && filters.until === `${data.year}-12-31`;
    choose(isOn ? { since: null, until: null } : { since: `${data.year}-01-01`, until: `${data.year}-12-31` });
  },
  since: ({ turn, data }) =>
    changeRequest(turn, { filters: { ...turn.answer.request.filters, since: `${data.year}-01-01` } }),
  alone: ({ turn }) => ask(turn.question, { turn, alone: true }),
  report: ({ turn }) => askForReport(turn?.question ?? at("fn-question").value),
  watch: ({ turn }) => watchTurn(turn),
  news: openNews,
  unwatch: ({ data }) => unwatch(data),
  mark_read: ({ data }) => markRead(data),
  again: ({ turn }) => turn.isReport ? askForReport(turn.question, turn) : ask(turn.question, { turn, request: turn.changed?.request ?? null }),
  compare: ({ turn }) => ask(turn.question, { turn, before: turn.answer, request: turn.changed?.request ?? null }),
  take_back: ({ turn }) => takeBack(turn),
  edit: ({ turn }) => edit(turn),
  drop_side: ({ turn, data }) => {
    const sides = turn.answer.request.sides.filter((_, n) => n !== Number(data.name));
    const stays = sides.length > 1 || turn.answer.request.kind === "catalogue";
    changeRequest(turn, stays ? { sides } : { sides: [], kind: "explanation", topic: sides[0] ?? "", question: sides[0] ?? turn.question });
  },
  drop_part: ({ turn, data }) => changeRequest(turn, { [data.name]: WITHOUT[data.name] ?? null }),
  drop_filter: ({ turn, data }) =>
    changeRequest(turn, { filters: { ...turn.answer.request.filters, [data.name]: null } }),
  view: ({ turn, data }) => showView(turn, data.view),
  copy: async ({ turn }) => {
    await copyText(`${turn.question}\n\n${turn.answer.answer}\n\n${sourcesText(turn.answer)}\n`);
    announce(say("copied"));
  },
  link: async ({ turn }) => {
    const label = evidence.turn === turn ? evidence.label : null;
    await copyText(new URL(addressOf(turn, label), location.href).href);
    announce(say("link_copied"));
  },
  export: async ({ turn, data }) => {
    const { name, media_type, text } = await call("export", { answer: turn.answer, report: turn.report, form: data.form, only: onlyPinned(turn) });
    saveFile(name, media_type, text);
  },
  right: ({ turn }) => judge(turn, "right", ""),
  wrong: async ({ turn }) => {
    const note = await askFor(say("wrong_prompt"));
    if (note) await judge(turn, "wrong", note);
  },
  ask_paper: ({ card }) => {
    stopEditing();
    at("fn-question").value = `${cardTitle(card)}: `;
    closeSheet();
    grow();
    at("fn-question").focus();
  },
  similar: ({ card }) => showSimilar(card),
  pin: ({ card, data }) => togglePin(data.id ?? card.dataset.paper, data.title ?? cardTitle(card)),
};

const cardTitle = (card) => card.querySelector("h3").lastChild.textContent.trim();

async function judge(turn, verdict, note) {
  await call("judge", { answer: turn.answer, verdict, note });
  noteBelow(turn, say("thanks"));
}

function noteBelow(turn, text) {
  announce(text);
  turn.body.querySelector(".fn-acts .fn-facts")?.remove();
  turn.body.querySelector(".fn-acts").append(make("span", { class: "fn-facts" }, text));
}

function showView(turn, view) {
  for (const each of turn.body.querySelectorAll(".fn-view")) each.hidden = each.dataset.view !== view;
  for (const each of turn.body.querySelectorAll(".fn-views button")) {
    each.setAttribute("aria-pressed", each.dataset.view === view);
  }
}

async function showSimilar(card) {
  const shown = card.querySelector(".fn-similar");
  if (shown) return shown.remove();
  const found = await call("similar", { paper_id: card.dataset.paper });
  const rows = found.map(({ title }) => make("li", {}, button(title, { class: "fn-title", lang: "en", "data-ask": `What is “${title}” about?` })));
  card.append(make("ul", { class: "fn-similar", "aria-label": say("similar") }, ...rows));
}

async function openMenu() {
  await openAsk();
  at("fn-side").classList.add("fn-shown");
  at("fn-scrim").hidden = false;
  document.querySelector("[data-do=menu]").setAttribute("aria-expanded", "true");
  at("fn-side").querySelector("button").focus();
}

// The lists belong to the first tab.
async function openAsk() {
  if (at("fn-app").getClientRects().length) return;
  document.querySelector("#fn-tabs [role=tab]").click();
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}

function closeMenu() {
  if (!at("fn-side").classList.contains("fn-shown")) return false;
  at("fn-side").classList.remove("fn-shown");
  at("fn-scrim").hidden = true;
  document.querySelector("[data-do=menu]").setAttribute("aria-expanded", "false");
  document.querySelector("[data-do=menu]").focus();
  return true;
}

function onClick(event) {
  const hit = event.target.closest("[data-do],[data-ask],[data-card],.fn-marker");
  if (!event.target.closest(".fn-menu")) closeLists();
  if (!hit || hit.tagName === "SELECT") return;
  if (!hit.closest(".fn-app,.fn-top")) return;
  const turn = turnOf(hit);
  if (hit.classList.contains("fn-marker")) return openQuote(turn, hit.dataset.cite, hit);
  if (hit.dataset.card) {
    if (evidence.turn !== turn) showEvidence(turn);
    openSheet(hit);
    return openCard(turn.cards.querySelector(`[data-marker="${hit.dataset.card}"]`));
  }
  if (hit.dataset.ask) {
    hideFound();
    closeSheet();
    stopEditing();
    at("fn-question").value = "";
    at("fn-question").focus({ preventScroll: true });
    return ask(hit.dataset.ask);
  }
  const done = actions[hit.dataset.do]({ turn, card: hit.closest(".fn-card"), data: hit.dataset });
  Promise.resolve(done).catch((error) => announceFault(error));
  if (hit.closest(".fn-list")) closeLists();
}

function announceFault(error) {
  openDialog(say("failed", { why: error.message }), "", [no()]);
}

function closeLists() {
  for (const each of document.querySelectorAll("details.fn-menu[open]")) each.open = false;
}
