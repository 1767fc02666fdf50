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

document.addEventListener("footnote-failed", () => failWaiting(say("offline")));

async function call(name, sent = {}) {
  const reply = await server[name]({ language, ...sent });
  if (!reply) throw new Error(say("offline"));
  if (reply.error) throw new Error(reply.error);
  return reply;
}
