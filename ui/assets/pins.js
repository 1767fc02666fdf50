// Papers that the reader pinned in this browser.
let pins = remembered("pins", []);

function togglePin(paper_id, title) {
  const has = pins.some((each) => each.paper_id === paper_id);
  pins = has ? pins.filter((each) => each.paper_id !== paper_id) : [...pins, { paper_id, title }];
  remember("pins", pins);
  drawPins();
  markPins();
}

function drawPins() {
  at("fn-pinned").hidden = !pins.length;
  at("fn-pins").replaceChildren(
    ...pins.map(({ paper_id, title }) => {
      const drop = button("×", { "data-do": "pin", "data-id": paper_id, "data-title": title, "aria-label": `${say("unpin")}: ${title}` });
      return make("li", {}, make("span", { lang: "en", title }, title), drop);
    }),
  );
}

function markPins() {
  for (const each of at("fn-cards").querySelectorAll("[data-do=pin]")) {
    const id = each.closest(".fn-card").dataset.paper;
    const has = pins.some((pin) => pin.paper_id === id);
    each.textContent = say(has ? "unpin" : "pin");
    each.setAttribute("aria-pressed", has);
  }
}

// Offers to take away pinned papers alone, where an answer rests on some.
function offerPinned(menu) {
  const box = menu.open && menu.querySelector?.("[data-only]");
  if (!box) return;
  const cited = new Set(turnOf(menu).answer.sources.map((each) => each.paper_id));
  const n = pins.filter((each) => cited.has(each.paper_id)).length;
  box.closest("label").hidden = !n;
  if (!n) box.checked = false;
  box.nextElementSibling.textContent = say("export_pinned", { count: n });
}

const onlyPinned = (turn) =>
  turn.body.querySelector("[data-only]")?.checked ? pins.map((each) => each.paper_id) : null;
