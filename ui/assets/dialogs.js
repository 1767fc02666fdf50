// Small dialogs of the page's own: a line of text, yes or no, the list of shortcuts.
function openDialog(title, content, actions) {
  const dialog = at("fn-dialog");
  const form = make("form", { method: "dialog" }, make("h2", { id: "fn-dialog-title" }, title), content);
  form.append(make("p", { class: "fn-acts" }, ...actions));
  dialog.replaceChildren(form);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true }));
}

const yes = (text) => make("button", { value: "yes", class: "fn-primary" }, text);
const no = () => make("button", { value: "", formnovalidate: true }, say("close"));

async function askFor(title, value = "") {
  const field = make("input", { type: "text", "aria-label": title, maxlength: "2000" });
  field.value = value;
  const said = openDialog(title, field, [yes(say("ok")), no()]);
  field.select();
  return (await said) === "yes" ? field.value.trim() : "";
}

const confirmed = async (title) => (await openDialog(title, "", [yes(say("ok")), no()])) === "yes";

function showHelp() {
  const list = make("dl", { class: "fn-keys" });
  const keys = { "/": "focus", j: "next", k: "previous", n: "new", Esc: "close", "?": "help" };
  for (const [key, what] of Object.entries(keys)) {
    list.append(make("dt", {}, make("kbd", {}, key)), make("dd", {}, say(`key.${what}`)));
  }
  openDialog(say("shortcuts"), list, [no()]);
}
