// The address names the question that is open (`?q=…`) and, behind #, the quote.
function addressOf(turn, label = null) {
  const query = new URLSearchParams({ q: turn.question });
  if (turn.changed) query.set("r", JSON.stringify(turn.changed.request));
  return `${location.pathname}?${query}${label ? `#${label}` : ""}`;
}

function pushAddress(turn) {
  const state = { conversation: thread.id, turn: turn.id };
  const method = history.state?.turn === turn.id ? "replaceState" : "pushState";
  history[method](state, "", addressOf(turn));
}

function keepQuote(label) {
  if (!evidence.turn || evidence.turn === news.turn) return;
  history.replaceState({ conversation: thread.id, turn: evidence.turn.id }, "", addressOf(evidence.turn, label));
}

// Opens what the address names: a turn that this browser keeps, or a question to be asked.
const openAddress = () => openNamed().catch(announceFault);

async function openNamed() {
  if (history.state?.news) return showNews();
  const label = location.hash.slice(1);
  const query = new URLSearchParams(location.search);
  const mine = ++moves;
  const kept = history.state?.conversation && (await store.get(history.state.conversation));
  if (mine !== moves) return;
  if (kept) {
    if (thread.id !== kept.id) await openThread(kept, history.state.turn);
    const turn = thread.turns.find((each) => each.id === history.state.turn);
    if (turn) {
      showEvidence(turn);
      scrollTo(turn);
    }
  } else if (query.get("q")?.trim()) {
    clearThread();
    const opened = thread;
    await ask(query.get("q"), { request: readRequest(query.get("r")), quiet: true });
    if (thread !== opened) return;
    history.replaceState({ conversation: thread.id, turn: lastTurn()?.id }, "", location.href);
  } else {
    clearThread();
    setFilters({});
    return;
  }
  if (/^\d+[a-z]+$/.test(label) && evidence.turn) openQuote(evidence.turn, label);
}

function readRequest(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
