// The papers beside an answer: opening a quote, the sentence shown over a marker, walking markers.
const evidence = { turn: null, label: null, from: null };

function showEvidence(turn) {
  evidence.turn = turn;
  evidence.label = null;
  const cards = at("fn-cards");
  if (!turn || !turn.cards.children.length) {
    at("fn-h-evidence").textContent = say("evidence");
    cards.replaceChildren(make("p", { class: "fn-facts" }, say("evidence_empty")));
    return;
  }
  const n = turn.cards.querySelectorAll("mark").length;
  const papers = say("papers", { n: turn.cards.children.length });
  const counts = n ? say("evidence_counts", { quotes: say("quotes", { n }), papers }) : papers;
  at("fn-h-evidence").textContent = `${say("evidence")} · ${counts}`;
  cards.replaceChildren(turn.cards);
  cards.scrollTop = 0;
  markPins();
}

// Draws the evidence of a turn that has more of it now, unless that of another is read; who reads
// it keeps the place and the quote.
function redrawEvidence(turn) {
  if (evidence.turn && evidence.turn !== turn) return;
  const { label } = evidence;
  const { scrollTop } = at("fn-cards");
  showEvidence(turn);
  at("fn-cards").scrollTop = scrollTop;
  const mark = label && markOf(turn, label);
  if (!mark) return;
  evidence.label = label;
  markOpen(turn, label);
  light(mark.closest(".fn-card"), mark);
}

const markOf = (turn, label) => turn.cards.querySelector(`mark[data-cite="${CSS.escape(label)}"]`);

function openQuote(turn, label, from = null) {
  if (evidence.turn !== turn) showEvidence(turn);
  const mark = markOf(turn, label);
  if (!mark) return;
  hideHover();
  evidence.label = label;
  markOpen(turn, label);
  openSheet(from);
  openCard(mark.closest(".fn-card"), mark);
  keepQuote(label);
}

function light(card, mark) {
  for (const each of card.parentElement.children) each.classList.toggle("fn-on", each === card);
  for (const each of at("fn-cards").querySelectorAll("mark.fn-on")) each.classList.remove("fn-on");
  mark?.classList.add("fn-on");
}

function openCard(card, mark = null) {
  light(card, mark);
  const cards = at("fn-cards");
  const seen = (mark ?? card).getBoundingClientRect();
  const frame = cards.getBoundingClientRect();
  // Only the panel moves; the answer stays where it is.
  const top = cards.scrollTop + card.getBoundingClientRect().top - frame.top - 8;
  const below = cards.scrollTop + seen.bottom - frame.bottom + 24;
  cards.scrollTo({ top: Math.max(top, below), behavior: isCalm() ? "instant" : "smooth" });
}

function markOpen(turn, label) {
  for (const each of document.querySelectorAll(".fn-marker.fn-on")) each.classList.remove("fn-on");
  for (const each of turn.body.querySelectorAll(`.fn-marker[data-cite="${CSS.escape(label)}"]`)) {
    each.classList.add("fn-on");
  }
}

// On a narrow screen the evidence is a sheet over the answer.
function openSheet(from) {
  if (!isNarrow()) return;
  evidence.from = from ?? document.activeElement;
  at("fn-evidence").classList.add("fn-shown");
  at("fn-scrim").hidden = false;
  at("fn-h-evidence").focus({ preventScroll: true });
}

function closeSheet() {
  const sheet = at("fn-evidence");
  if (!sheet.classList.contains("fn-shown")) return false;
  sheet.classList.remove("fn-shown");
  at("fn-scrim").hidden = true;
  evidence.from?.focus({ preventScroll: true });
  return true;
}

function showHover(marker) {
  const turn = turnOf(marker);
  const mark = turn && markOf(turn, marker.dataset.cite);
  // The quote that is open stands beside the answer.
  if (!mark || isNarrow() || marker.classList.contains("fn-on")) return;
  const card = mark.closest(".fn-card");
  const hover = at("fn-hover");
  const plain = (each) => (each ? `${each.firstChild.textContent} ` : "");
  const title = card.querySelector("h3").cloneNode(true);
  title.querySelector(".fn-number").textContent = marker.dataset.cite;
  const quote = make("p", { lang: "en" });
  quote.append(plain(mark.previousElementSibling), make("mark", {}, plain(mark).trim()), " ", plain(mark.nextElementSibling));
  hover.replaceChildren(
    make("b", {}, title.textContent),
    make("span", { class: "fn-facts" }, card.querySelector(".fn-facts")?.textContent ?? ""),
    quote,
  );
  hover.hidden = false;
  const place = marker.getBoundingClientRect();
  const left = Math.min(Math.max(place.left - 60, 8), innerWidth - hover.offsetWidth - 8);
  const isBelow = place.bottom + hover.offsetHeight + 12 < innerHeight;
  hover.style.left = `${left}px`;
  hover.style.top = `${isBelow ? place.bottom + 8 : Math.max(place.top - hover.offsetHeight - 8, 8)}px`;
  marker.setAttribute("aria-describedby", "fn-hover");
}

function hideHover() {
  at("fn-hover").hidden = true;
  document.querySelector('[aria-describedby="fn-hover"]')?.removeAttribute("aria-describedby");
}

// Goes to the next marker of the turn that is open, or the one before.
function walk(step) {
  const turn = evidence.turn ?? lastTurn();
  const markers = [...(turn?.body.querySelectorAll(".fn-marker") ?? [])].filter((m) => m.offsetParent);
  if (!markers.length) return;
  const now = markers.findIndex((m) => m === document.activeElement || m.classList.contains("fn-on"));
  const next = markers[(now + step + markers.length) % markers.length] ?? markers[0];
  next.focus({ preventScroll: false });
  next.scrollIntoView({ block: "nearest" });
  if (!isNarrow()) openQuote(turn, next.dataset.cite);
}

function startEvidence() {
  let timer = null;
  const isMarker = (event) => event.target.closest?.(".fn-marker");
  document.addEventListener("mouseover", (event) => {
    clearTimeout(timer);
    const marker = isMarker(event);
    if (marker) timer = setTimeout(() => showHover(marker), 120);
    else if (!event.target.closest?.("#fn-hover")) timer = setTimeout(hideHover, 150);
  });
  document.addEventListener("focusin", (event) => {
    const marker = isMarker(event);
    if (marker && marker.matches(":focus-visible")) showHover(marker);
    else hideHover();
  });
  at("fn-scroll").addEventListener("scroll", hideHover, { passive: true });
}

// On paper each answer is followed by its papers, not only the one that is open.
function layOut(isOnPaper) {
  for (const turn of thread.turns) {
    if (isOnPaper) turn.el.append(turn.cards);
    else if (turn.el.contains(turn.cards)) turn.cards.remove();
  }
  if (!isOnPaper && evidence.turn) at("fn-cards").replaceChildren(evidence.turn.cards);
}

function startPrinting() {
  // A browser that prints counts the sheets before it tells of the medium.
  addEventListener("beforeprint", () => layOut(true));
  addEventListener("afterprint", () => layOut(false));
  matchMedia("print").addEventListener("change", ({ matches }) => layOut(matches));
}
