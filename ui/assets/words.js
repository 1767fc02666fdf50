// The page's own words, in the language that the reader chose, or the browser's where there is a
// translation.
const language = [remembered("language", ""), ...(navigator.languages || [navigator.language])]
  .map((each) => String(each).slice(0, 2).toLowerCase())
  .find((each) => each in WORDS) || "en";

function say(key, values = {}) {
  const full = typeof values.n === "number" ? `${key}.${values.n === 1 ? "one" : "other"}` : key;
  const text = WORDS[language][full] ?? WORDS.en[full] ?? full;
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? value.toLocaleString(language) : value;
  });
}

// What the page's own HTML names by `data-say`, `data-say-label` and `data-say-placeholder`.
function translate(root) {
  for (const each of root.querySelectorAll("[data-say]")) each.textContent = say(each.dataset.say);
  for (const each of root.querySelectorAll("[data-say-label]")) {
    each.setAttribute("aria-label", say(each.dataset.sayLabel));
    each.title = say(each.dataset.sayLabel);
  }
  for (const each of root.querySelectorAll("[data-say-placeholder]")) {
    each.placeholder = say(each.dataset.sayPlaceholder);
  }
}
