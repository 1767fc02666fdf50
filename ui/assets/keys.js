// The keyboard: `/` goes to the box, j and k walk the quotes, Esc closes what is open.
function onKey(event) {
  const isTyping = event.target.closest?.("input,textarea,select,[contenteditable]");
  if (event.key === "Escape") return onEscape();
  // Who presses `/` to get to the box is there already.
  if (event.key === "/" && event.target === at("fn-question") && !event.target.value)
    return event.preventDefault();
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || at("fn-dialog").open) return;
  if (!at("fn-app").getClientRects().length) return; // another tab is open
  const does = {
    "/": () => at("fn-question").focus(),
    j: () => walk(1),
    k: () => walk(-1),
    ArrowRight: () => event.target.closest?.(".fn-marker") && walk(1),
    ArrowLeft: () => event.target.closest?.(".fn-marker") && walk(-1),
    n: newConversation,
    "?": showHelp,
  }[event.key];
  if (!does) return;
  if (event.key.length === 1) event.preventDefault();
  does();
}

function onEscape() {
  if (at("fn-dialog").open) return;
  const closed = !at("fn-hover").hidden;
  hideHover();
  closeLists();
  // A card under a resting pointer was not opened on purpose: the same press leaves the editing.
  if (hideFound() || closeSheet() || closeMenu() || stopEditing() || closed) return;
  at("fn-question").focus();
}
