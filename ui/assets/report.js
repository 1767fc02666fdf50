// Reports: what one takes is said before it begins; its sections appear as they are finished.
async function askForReport(topic, turn = null) {
  topic = topic.trim();
  if (!topic) return at("fn-question").focus();
  const { line } = await call("estimate", { question: topic, manner: manner(), filters: chosen() });
  const actions = [yes(say("report.begin")), no()];
  if (line && (await openDialog(say("report"), make("p", {}, line), actions)) !== "yes") return;
  if (at("fn-question").value.trim() === topic) at("fn-question").value = "";
  grow();
  hideFound();
  await ask(topic, { turn, isReport: true });
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
  showEvidence(turn);
}
