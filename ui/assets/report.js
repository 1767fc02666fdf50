// Reports: what one takes is said before it begins; its sections appear as they are finished.
async function askForReport(topic, turn = null) {
  topic = topic.trim();
  if (!topic) return at("fn-question").focus();
  const from = thread;
  if (!(await isReportWanted(topic))) return;
  if (thread !== from || (turn && !thread.turns.includes(turn))) return; // the reader went on
  if (at("fn-question").value.trim() === topic) at("fn-question").value = "";
  grow();
  hideFound();
  await ask(topic, { turn, isReport: true });
}

let isEstimating = false;

// Says what a report takes, if it takes anything; one at a time.
async function isReportWanted(topic) {
  if (isEstimating) return false;
  isEstimating = true;
  at("fn-app").classList.add("fn-estimating");
  announce(say("thinking"));
  try {
    const { line } = await call("estimate", { question: topic, manner: manner(), filters: chosen() });
    const actions = [yes(say("report.begin")), no()];
    return !line || (await openDialog(say("report"), make("p", {}, line), actions)) === "yes";
  } finally {
    isEstimating = false;
    at("fn-app").classList.remove("fn-estimating");
  }
}

// Shows what there is of an answer or a report that is being written. The finished sections of a
// report are drawn when there is one more, so that who reads them is not disturbed.
function showDraft(turn, { draft, written }) {
  if (!written) return (turn.body.innerHTML = draft);
  let [done, now] = turn.body.querySelectorAll(":scope > .fn-written, :scope > .fn-writing");
  if (!done) {
    [done, now] = [make("div", { class: "fn-written" }), make("div", { class: "fn-writing" })];
    turn.body.replaceChildren(done, now);
    turn.written = "";
  }
  now.innerHTML = draft;
  if (written.html === turn.written) return;
  turn.written = written.html;
  done.innerHTML = written.html;
  turn.evidence = written.evidence;
  redrawEvidence(turn);
}
