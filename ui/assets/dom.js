// Small helpers: what a person or a paper wrote becomes text, never markup.
const at = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const button = (text, attributes = {}) => make("button", { type: "button", ...attributes }, text);

// Said once to those who listen to the page; the same words twice are said twice.
function announce(text) {
  at("fn-live").textContent = "";
  requestAnimationFrame(() => (at("fn-live").textContent = text));
}

const isNarrow = () => window.matchMedia("(max-width: 900px)").matches;
const isCalm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without https a browser gives no clipboard.
    const field = make("textarea", { class: "fn-unseen" });
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}

function saveFile(name, type, text) {
  const link = make("a", { download: name, href: URL.createObjectURL(new Blob([text], { type })) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
