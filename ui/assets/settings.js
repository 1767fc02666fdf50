// How this browser's reader wants answers and the page; sent with each question.
const settings = { writes: true, depth: "usual", view: "written", ...remembered("settings", {}) };

const manner = () => ({ writes: settings.writes, depth: settings.depth });

function keepSetting(name, value) {
  settings[name] = value;
  remember("settings", settings);
  showMode();
}

// Says who writes, as it is set here.
function showMode() {
  const isWritten = page.model && settings.writes;
  at("fn-mode").textContent = isWritten ? say("mode_model", { model: page.model }) : say(page.model ? "mode_off" : "mode_quotes");
}

function choice(name, options, value, onChange) {
  const field = make("select", { id: `fn-set-${name}` });
  for (const [each, text] of Object.entries(options)) field.append(make("option", { value: each }, text));
  field.value = value;
  field.addEventListener("change", () => onChange(field.value));
  return make("p", {}, make("label", { for: field.id }, say(`set.${name}`)), field);
}

const named = (prefix, names) => Object.fromEntries(names.map((name) => [name, say(`${prefix}.${name}`)]));

function showSettings() {
  const writers = { true: say("writes.model", { model: page.model }), false: say("writes.quotes") };
  const languages = { "": say("language.browser"), ...Object.fromEntries(Object.keys(WORDS).map((each) => [each, WORDS[each].own_name])) };
  const rows = [
    page.model
      ? choice("writes", writers, String(settings.writes), (value) => keepSetting("writes", value === "true"))
      : make("p", { class: "fn-facts" }, say("writes.none")),
    choice("depth", named("depth", ["short", "usual", "thorough"]), settings.depth, (value) => keepSetting("depth", value)),
    choice("view", { written: say("set.view.written"), prose: say("view.prose"), table: say("view.table") }, settings.view, (value) => {
      keepSetting("view", value);
      thread.turns.forEach(showDefaultView);
    }),
    choice("theme", named("theme", THEMES), remembered("theme", "system"), setTheme),
    choice("language", languages, remembered("language", ""), (value) => {
      remember("language", value);
      location.reload();
    }),
    make("p", { class: "fn-facts" }, say("settings_note")),
  ];
  openDialog(say("settings"), make("div", { class: "fn-settings" }, ...rows), [no()]);
}

// Shows an answer as the reader likes it, where it can be read so.
function showDefaultView(turn) {
  const has = (view) => turn.body.querySelector(`.fn-view[data-view="${view}"]`);
  if (has("written")) showView(turn, has(settings.view) ? settings.view : "written");
}

// Light, dark, or as the system is.
const THEMES = ["system", "light", "dark"];

function setTheme(theme) {
  remember("theme", theme);
  const isDark = theme === "dark" || (theme === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.body.classList.toggle("dark", isDark);
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
  const text = say("theme", { theme: say(`theme.${theme}`) });
  at("fn-theme").setAttribute("aria-label", text);
  at("fn-theme").title = text;
}

function startTheme() {
  setTheme(remembered("theme", "system"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme(remembered("theme", "system")));
}

const nextTheme = () => setTheme(THEMES[(THEMES.indexOf(remembered("theme", "system")) + 1) % THEMES.length]);
