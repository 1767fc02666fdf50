// Begins when the page's HTML is there.
const page = { model: null, can: { export: false, feedback: false, report: false, watch: false } };

function drawStart({ n_papers, awaited, examples }) {
  const papers = say("papers", { n: n_papers });
  at("fn-question").placeholder = say("placeholder", { papers });
  const cards = examples.map(({ kind, question }) =>
    make("li", {}, make("button", { type: "button", "data-ask": question }, make("span", { class: "fn-label" }, say(`kind.${kind}`)), make("span", { lang: "en" }, question))),
  );
  at("fn-start").replaceChildren(
    make("h2", {}, n_papers ? say("start", { papers }) : say(awaited ? "start_awaited" : "start_empty")),
    make("p", {}, say("start_note")),
    make("ul", {}, ...cards),
  );
}

// What the catalogue says: drawn at the beginning, and when papers came or went.
async function drawAll() {
  const begun = await call("begin");
  Object.assign(page, begun);
  showMode();
  at("fn-report").hidden = !page.can.report;
  drawStart(begun);
  drawFilters(begun.filters);
  if (isUnderWay(begun)) followComing(begun);
}

const isUnderWay = ({ n_coming, n_by_words, awaited }) => n_coming || n_by_words || awaited;

function comingLine({ n_papers, n_coming, n_by_words, awaited }) {
  if (awaited) return say("start_awaited");
  if (n_coming) return say("coming", { served: n_papers, all: n_papers + n_coming });
  return say("by_words", { read: n_papers - n_by_words, all: n_papers });
}

let following = false;

// Says how far it is while papers are being taken in.
async function followComing(progress) {
  if (following) return;
  following = true;
  const line = at("fn-coming");
  let before = progress;
  let drawn = progress.n_papers;
  for (; isUnderWay(progress); progress = await call("progress").catch(() => progress)) {
    line.textContent = comingLine(progress);
    line.hidden = false;
    // The first came, or no more since it was last asked.
    const areAllIn = !progress.n_coming && progress.n_papers === before.n_papers;
    if ((before.awaited && !progress.awaited) || (areAllIn && progress.n_papers !== drawn)) {
      document.dispatchEvent(new Event("footnote-papers"));
      drawn = progress.n_papers;
    }
    before = progress;
    await new Promise((done) => setTimeout(done, document.hidden ? 10_000 : progress.awaited ? 500 : 2_000));
  }
  line.hidden = true;
  following = false;
  document.dispatchEvent(new Event("footnote-papers"));
}

// Gradio writes the names of tabs in one language.
function nameTabs() {
  const names = { Ask: "tab.ask", Papers: "tab.papers", Quality: "tab.quality" };
  for (const tab of document.querySelectorAll("#fn-tabs .tab-wrapper button")) {
    for (const text of tab.childNodes) {
      const name = text.nodeType === Node.TEXT_NODE && names[text.data.trim()];
      if (name) text.data = say(name);
    }
  }
}

async function begin() {
  if (!at("fn-app") || !at("fn-theme")) return requestAnimationFrame(begin);
  document.documentElement.lang = language;
  translate(at("fn-app").parentElement);
  translate(document.querySelector(".fn-top"));
  nameTabs();
  startTheme();
  startBox();
  startEvidence();
  startPrinting();
  showEvidence(null);
  drawPins();
  document.addEventListener("click", onClick);
  document.addEventListener("keydown", onKey);
  document.addEventListener("change", (event) => {
    if (event.target.dataset?.do === "kind") changeKind(turnOf(event.target), event.target.value);
    if (event.target.dataset?.do === "order") putInOrder(event.target);
  });
  // It does not bubble.
  document.addEventListener("toggle", (event) => offerPinned(event.target), true);
  at("fn-search").addEventListener("input", drawConversations);
  addEventListener("popstate", openAddress);
  startFilters();
  await drawAll();
  document.addEventListener("footnote-papers", () => drawAll().then(refreshNews).catch(announceFault));
  drawConversations();
  at("fn-app").classList.add("fn-ready");
  if (!isNarrow()) at("fn-question").focus();
  await openAddress();
  if (page.can.watch) await loadNews().catch(() => {}); // it is said when they are opened
}

function changeKind(turn, kind) {
  const operation = kind === "catalogue" ? (turn.answer.request.operation ?? "list") : null;
  changeRequest(turn, { kind, operation });
}

begin();
