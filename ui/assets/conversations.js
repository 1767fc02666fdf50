// The conversations that this browser keeps: found, opened, renamed, deleted, exported.
async function drawConversations() {
  const all = await store.brief();
  const wanted = at("fn-search").value.trim().toLowerCase();
  const found = all.filter((each) => each.text.includes(wanted));
  const rows = found.map((each) => {
    const open = button(each.name, { class: "fn-name", "data-do": "open", "data-id": each.id, title: each.name });
    if (each.id === thread.id) open.setAttribute("aria-current", "true");
    const more = make("details", { class: "fn-menu" }, make("summary", { "aria-label": `${each.name}: …` }, "⋯"));
    const list = make("div", { class: "fn-list" });
    for (const what of ["rename", "keep", "delete"]) {
      list.append(button(say(what), { "data-do": what, "data-id": each.id }));
    }
    more.append(list);
    return make("li", {}, open, more);
  });
  const none = make("li", { class: "fn-facts" }, say("no_conversations"));
  at("fn-conversations").replaceChildren(...(rows.length ? rows : [none]));
  document.querySelector("[data-do=delete_all]").hidden = !all.length;
}

// Returns a conversation with its turns; says so where another window deleted it.
async function keptConversation(id) {
  const each = await store.get(id);
  if (!each) announce(say("conversation_gone"));
  return each;
}

async function renameConversation(id) {
  const each = await keptConversation(id);
  if (!each) return;
  const name = await askFor(say("new_name"), each.name);
  if (!name) return;
  await store.rename(id, name);
  if (thread.id === id) thread.name = name;
  await drawConversations();
  at("fn-conversations").querySelector(`.fn-name[data-id="${CSS.escape(id)}"]`)?.focus();
}

async function deleteConversation(id) {
  const each = await keptConversation(id);
  if (!each) return;
  if (!(await confirmed(say("really_delete", { name: each.name })))) return;
  await store.remove(id);
  if (thread.id === id) newConversation();
  drawConversations();
  at("fn-question").focus();
}

async function deleteAll() {
  if (!(await confirmed(say("really_delete", { name: say("delete_all") })))) return;
  await store.clear();
  newConversation();
  drawConversations();
}

async function keepConversation(id) {
  const each = await keptConversation(id);
  if (!each) return;
  const text = each.turns.map(({ question, answer }) => `# ${question}\n\n${answer.answer}\n\n${sourcesText(answer)}`).join("\n\n");
  saveFile("conversation.md", "text/markdown", text);
}

const sourcesText = (answer) => answer.sources.map((s) => `[${s.marker}] ${s.title}`).join("\n");

function newConversation() {
  clearThread();
  setFilters({});
  at("fn-search").value = ""; // or what is asked next would not be listed
  history.pushState(null, "", location.pathname);
  drawConversations();
  at("fn-question").focus();
}
