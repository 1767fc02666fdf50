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
