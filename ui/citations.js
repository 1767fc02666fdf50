// A click on a citation marker, anywhere on the page, opens its paper in this panel.
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href*="#cite="]');
  if (!link) return;
  event.preventDefault();
  document.querySelectorAll("a.marker.open").forEach((a) => a.classList.remove("open"));
  link.classList.add("open");
  const href = link.getAttribute("href");
  trigger("select", { fragment: href.slice(href.indexOf("#")) });
}, true);
watch("value", () => {
  const mark = element.querySelector("mark");
  if (mark) mark.scrollIntoView({ block: "nearest", behavior: "smooth" });
});
