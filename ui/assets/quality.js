// The Quality tab. `element` and `server` are given by gradio; all HTML comes escaped.
const $ = (selector) => element.querySelector(selector);
translate(element);
let opener = null;
let shown;

async function call(name, value = {}) {
  let reply = { error: say("server_gone") };
  try { reply = await server[name]({ language, ...value }); } catch { /* said below */ }
  $(".fp-error").textContent = reply.error || "";
  $(".fp-error").hidden = !reply.error;
  return reply;
}

async function overview() {
  const reply = await call("overview");
  if (reply.error) return;
  $(".fp-reports").innerHTML = reply.reports;
  $(".fp-readers").innerHTML = reply.readers;
  if (shown === undefined && reply.newest !== null) report(reply.newest);
}

async function report(name, focus) {
  shown = name;
  const reply = await call("report", { name });
  if (reply.error) return;
  $(".fp-report").innerHTML = reply.html;
  for (const each of element.querySelectorAll("[data-report]"))
    each.setAttribute("aria-current", each.dataset.report === name);
  if (focus) $(".fp-report h3").focus();
}

async function question(button) {
  const reply = await call("question", { report: button.dataset.of, id: button.dataset.question });
  if (reply.error) return;
  opener = button;
  $(".fp-shown").innerHTML = reply.html;
  $(".fp-list").hidden = true;
  $(".fp-shown").hidden = false;
  $(".fp-shown h3").focus({ preventScroll: true });
  element.scrollIntoView({ block: "start" });
}

function back() {
  $(".fp-shown").hidden = true;
  $(".fp-list").hidden = false;
  opener.focus();
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.report !== undefined) report(button.dataset.report, true);
  else if (button.dataset.question !== undefined) question(button);
  else if (button.matches(".fp-back")) back();
});
element.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !$(".fp-shown").hidden) back();
});
// What was asked and measured meanwhile is there when the tab is opened again.
new IntersectionObserver((seen) => { if (seen.some((each) => each.isIntersecting)) overview(); })
  .observe(element);
