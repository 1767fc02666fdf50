// The box for a question: it grows with what is typed, and papers with these words are listed.
function startBox() {
  const box = at("fn-question");
  box.addEventListener("input", () => {
    grow();
    clearTimeout(typed);
    typed = setTimeout(lookUp, 180);
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    } else if (event.key === "ArrowDown" && !at("fn-found").hidden) {
      event.preventDefault();
      at("fn-found").querySelector("button")?.focus();
    }
  });
  at("fn-box").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
}

function grow() {
  const box = at("fn-question");
  box.style.height = "auto";
  box.style.height = `${Math.min(box.scrollHeight, 180)}px`;
}

let editing = null;

function send() {
  const box = at("fn-question");
  const question = box.value;
  if (!question.trim()) return;
  const turn = editing;
  stopEditing();
  box.value = "";
  grow();
  hideFound();
  box.focus();
  if (turn?.isReport) askForReport(question, turn).catch(announceFault);
  else ask(question, { turn });
}

// The next question takes the place of this turn's.
function edit(turn) {
  editing = turn;
  hideFound();
  at("fn-editing").hidden = false;
  const box = at("fn-question");
  box.value = turn.question;
  grow();
  box.focus();
  box.select();
}

function stopEditing() {
  if (!editing) return false;
  editing = null;
  at("fn-editing").hidden = true;
  at("fn-question").value = "";
  grow();
  return true;
}

let looked = 0;
let typed = null; // the pause after a keystroke

async function lookUp() {
  const text = at("fn-question").value.trim();
  if (text.length < 3) return hideFound();
  const mine = ++looked;
  const found = await call("find", { text }).catch(() => []);
  if (mine !== looked) return; // more was typed meanwhile, or it was sent
  if (!found.length) return hideFound();
  const rows = found.map(({ title }) =>
    make("li", {}, button(title, { lang: "en", "data-ask": `What is “${title}” about?` })),
  );
  at("fn-found").replaceChildren(make("li", { class: "fn-label" }, say("found")), ...rows);
  at("fn-found").hidden = false;
}

// What was typed before is no longer looked up either.
function hideFound() {
  looked += 1;
  clearTimeout(typed);
  const was = !at("fn-found").hidden;
  at("fn-found").hidden = true;
  return was;
}
