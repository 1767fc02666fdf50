// Standing questions: what new papers say to them, shown in place of a conversation.
const news = { turn: null, html: "" };

// Asked when the page begins, and whenever they are shown: new papers may have come.
async function loadNews() {
  const told = await call("news");
  at("fn-standing").hidden = !told.n;
  at("fn-news-count").textContent = told.n_unread ? say("unread", { n: told.n_unread }) : "";
  return told;
}

// Returns whether they are shown: not where the reader went on meanwhile.
async function showNews() {
  const mine = ++moves;
  const told = await loadNews();
  if (mine !== moves) return false;
  clearThread();
  news.turn = makeTurn(say("standing"), "news");
  news.html = news.turn.body.innerHTML = told.html;
  news.turn.evidence = told.evidence;
  at("fn-start").hidden = true;
  at("fn-thread").replaceChildren(news.turn.el);
  showEvidence(news.turn);
  news.turn.heading.focus({ preventScroll: true });
  drawConversations();
  return true;
}

// Papers came or went: what is new of it is told, wherever the reader is.
async function refreshNews() {
  if (!page.can.watch) return;
  const told = await loadNews();
  if (!news.turn || told.html === news.html) return;
  news.html = news.turn.body.innerHTML = told.html;
  news.turn.evidence = told.evidence;
  redrawEvidence(news.turn);
}

function clearNews() {
  news.turn = null;
  at("fn-thread").replaceChildren();
}

async function openNews() {
  closeMenu();
  if (await showNews()) history.pushState({ news: true }, "", location.pathname);
}

async function watchTurn(turn) {
  const { question, filters } = turn.answer.request ?? turn;
  noteBelow(turn, (await call("watch", { question, filters })).said);
  await loadNews();
}

async function unwatch({ id, name }) {
  if (!(await confirmed(say("really_unwatch", { name })))) return;
  await call("unwatch", { watch_id: id });
  await showNews();
}

async function markRead({ id, upto }) {
  await call("mark_read", { watch_id: id, upto: Number(upto) });
  await showNews();
}
