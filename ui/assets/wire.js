// Talks with the server: questions go through gradio's queue, which streams; all else is a call.
const waiting = new Map();

// Returns what ends with the answer; `onDraft` is given what there is of it before, as `draft`.
function askServer(asked, onDraft) {
  return new Promise((resolve, reject) => {
    waiting.set(asked.id, { resolve, reject, onDraft });
    trigger("submit", { asked });
  });
}

function stopServer() {
  stoppedAt = performance.now();
  trigger("stop");
  failWaiting("stopped");
}

function failWaiting(why) {
  for (const each of waiting.values()) each.reject(new Error(why));
  waiting.clear();
}

watch("value", () => {
  const said = props.value;
  const asked = said && waiting.get(said.id);
  if (!asked) return;
  if (said.draft != null) return asked.onDraft(said);
  waiting.delete(said.id);
  if (said.error) asked.reject(new Error(said.error));
  else asked.resolve(said);
});

// Gradio tells of a stopped answer, some time after, as of one that failed, and not of which.
const STOPPING_MS = 10_000;
let stoppedAt = -Infinity;
document.addEventListener("footnote-failed", async () => {
  const isLate = performance.now() - stoppedAt < STOPPING_MS;
  if (isLate && (await call("progress").catch(() => null))) return;
  failWaiting(say("offline"));
});

async function call(name, sent = {}) {
  const reply = await server[name]({ language, ...sent });
  if (!reply) throw new Error(say("offline"));
  if (reply.error) throw new Error(reply.error);
  return reply;
}
