// A conversation: turns, each a question with its answer. What is kept of a turn is the answer's
// record; its HTML is drawn by the server.
const newThread = () => ({ id: null, name: "", at: 0, turns: [] });
let thread = newThread();
let running = null;
// How often the reader went on: what was waited for since, for the place before, is not shown.
let moves = 0;

const newId = () => crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
const turnOf = (node) => [...thread.turns, news.turn].find((turn) => turn?.el === node?.closest(".fn-turn"));
const lastTurn = () => thread.turns.at(-1);

// Keeps a turn in this browser, in the conversation that it was made for.
async function keepTurn({ conversation, id, at, question, answer, report, changed }) {
  await store.putTurn(conversation, { id, at, question, answer, report, changed });
  drawConversations();
}

function makeTurn(question, id = newId(), at = Date.now()) {
  const heading = make("h2", { class: "fn-asked", tabindex: "-1" }, question);
  const body = make("div", { class: "fn-body" });
  const el = make("article", { class: "fn-turn", "data-turn": id }, heading, body);
  const cards = make("div");
  let evidence = null;
  return {
    conversation: thread, id, at, question, answer: null, report: null, isReport: false, changed: null, el, heading, body,
    set evidence(html) { evidence = html; },
    // Made of its HTML when it is looked at: of most turns of a long conversation, never.
    get cards() {
      if (evidence !== null) cards.innerHTML = evidence;
      evidence = null;
      return cards;
    },
  };
}

function show(turn, drawn) {
  turn.body.innerHTML = drawn.html;
  turn.evidence = drawn.evidence;
  turn.answer = drawn.answer ?? turn.answer;
  turn.report = drawn.report ?? turn.report;
  if (drawn.difference) turn.body.insertAdjacentHTML("afterbegin", drawn.difference);
  for (const each of turn.body.querySelectorAll("[data-do=export]")) each.hidden = !page.can.export;
  for (const each of turn.body.querySelectorAll("[data-do=right],[data-do=wrong]")) {
    each.hidden = !page.can.feedback;
  }
  for (const what of ["report", "watch"]) {
    for (const each of turn.body.querySelectorAll(`[data-do=${what}]`)) each.hidden = !page.can[what];
  }
  const menu = turn.body.querySelector(".fn-menu");
  if (menu) menu.hidden = !page.can.export;
  showDefaultView(turn);
}

// Puts the rows of a table in another order: the largest or the newest first, those without last.
function putInOrder(menu) {
  const body = menu.closest("label").nextElementSibling.querySelector("tbody");
  const rows = [...body.rows];
  rows.forEach((row, at) => { row.dataset.found ??= at; });
  const value = (row) => menu.value === "date" ? Date.parse(row.dataset.date) : Number.parseFloat(row.dataset[menu.value]);
  const byFound = (a, b) => a.dataset.found - b.dataset.found;
  const largest = (a, b) => (value(b) || -Infinity) - (value(a) || -Infinity) || byFound(a, b);
  body.append(...rows.sort(menu.value === "found" ? byFound : largest));
  announce(say("ordered", { order: menu.selectedOptions[0].textContent }));
}

// Asks anew, or the question of a turn again, in its place.
async function ask(question, { turn = null, request = null, alone = false, quiet = false, before = null, isReport = false } = {}) {
  question = question.trim();
  if (!question) return;
  moves += 1;
  if (running) stop();
  if (!thread.id) Object.assign(thread, { id: newId(), name: question.slice(0, 120) });
  const isNew = !turn;
  if (isNew) {
    if (news.turn) clearNews();
    turn = makeTurn(question);
    thread.turns.push(turn);
    at("fn-thread").append(turn.el);
  }
  turn.question = question;
  turn.heading.textContent = question;
  turn.changed = request && { request };
  turn.before = before;
  Object.assign(turn, { report: null, isReport });
  const earlier = alone || isReport ? [] : thread.turns.slice(0, thread.turns.indexOf(turn));
  const history = earlier.filter((each) => each.answer).slice(-4).map((each) => each.answer);
  at("fn-start").hidden = true;
  waitFor(turn, isNew);
  if (!quiet) pushAddress(turn);
  await answer(turn, { id: `${turn.id}/${newId()}`, question, history, request, before, manner: manner(), filters: request ? {} : chosen(), language, is_report: isReport });
}

function waitFor(turn, isNew) {
  running = turn;
  turn.from = turn.body.contains(document.activeElement) ? document.activeElement.dataset.do : null;
  at("fn-app").classList.add("fn-busy");
  at("fn-send").hidden = true;
  at("fn-stop").hidden = false;
  turn.el.setAttribute("aria-busy", "true");
  if (isNew) {
    turn.body.replaceChildren(make("p", { class: "fn-writer fn-thinking" }, say("thinking")));
    scrollTo(turn);
  }
}

async function answer(turn, asked) {
  try {
    show(turn, await askServer(asked, (said) => running === turn && showDraft(turn, said)));
    announce(say(turn.answer.refused ? "refused" : "answered"));
    turn.conversation.at = Date.now();
    if (turn.isReport && evidence.turn === turn) redrawEvidence(turn);
    else if ([turn, null].includes(evidence.turn) || turn === lastTurn()) showEvidence(turn);
    if (!turn.isReport) showFilters(turn.answer.request?.filters);
    keepTurn(turn).catch(announceFault);
  } catch (error) {
    fail(turn, error.message);
  } finally {
    if (running === turn) idle();
    turn.el.removeAttribute("aria-busy");
    giveBackFocus(turn);
  }
}

// Who changed something about an answer stands there again when it is drawn anew.
function giveBackFocus(turn) {
  if (!turn.from || document.activeElement !== document.body) return;
  const same = turn.body.querySelector(`[data-do="${turn.from}"]`);
  (same ?? turn.heading).focus({ preventScroll: true });
}

// Puts what was answered before it was asked again in its place.
async function takeBack(turn) {
  const [drawn] = await call("draw", { turns: [{ answer: turn.before }] });
  if (!thread.turns.includes(turn)) return; // the reader went on
  show(turn, { ...drawn, answer: turn.before });
  turn.before = null;
  showEvidence(turn);
  turn.heading.focus({ preventScroll: true });
  await keepTurn(turn);
}

function fail(turn, why) {
  const said = why === "stopped" ? say("stopped") : say("failed", { why });
  const note = make("p", { class: "fn-writer", role: "alert" }, `${said} `);
  note.append(button(say("try_again"), { class: "fn-soft", "data-do": "again" }));
  if (why !== "stopped") turn.body.replaceChildren(note);
  else {
    turn.body.querySelector(".fn-thinking")?.remove();
    turn.body.append(note);
  }
}

function idle() {
  running = null;
  at("fn-app").classList.remove("fn-busy");
  at("fn-send").hidden = false;
  at("fn-stop").hidden = true;
}

function stop() {
  const turn = running;
  if (document.activeElement === at("fn-stop")) at("fn-question").focus();
  stopServer();
  if (turn) idle();
}

// A turn begins at the top of what is seen, however long it is.
function scrollTo(turn) {
  at("fn-scroll").scrollTo({ top: turn.el.offsetTop - 8, behavior: "instant" });
}

function clearThread() {
  moves += 1;
  if (running) stop();
  stopEditing();
  thread = newThread();
  clearNews();
  at("fn-start").hidden = false;
  showEvidence(null);
}

// Opens a conversation that this browser keeps; the newest turns are drawn first.
async function openThread(conversation, turnId = null) {
  clearThread();
  at("fn-start").hidden = true;
  const { id, name, turns } = conversation;
  const opened = Object.assign(thread, { id, name, at: conversation.at });
  thread.turns = turns.map((each) => {
    const turn = makeTurn(each.question, each.id, each.at);
    return Object.assign(turn, { answer: each.answer, report: each.report, isReport: Boolean(each.report), changed: each.changed });
  });
  at("fn-thread").append(...thread.turns.map((turn) => turn.el));
  const open = thread.turns.find((turn) => turn.id === turnId) ?? lastTurn();
  for (let end = thread.turns.length; end > 0; end -= 10) {
    const some = thread.turns.slice(Math.max(end - 10, 0), end);
    const drawn = await call("draw", { turns: some.map(({ answer, report }) => ({ answer, report })) });
    if (thread !== opened) return;
    some.forEach((turn, n) => drawn[n] && show(turn, drawn[n]));
    if (open && !evidence.turn) {
      showEvidence(open);
      if (!open.isReport) showFilters(open.answer.request?.filters);
    }
    if (open) scrollTo(open);
  }
  drawConversations();
}
