// Settings of this browser, in localStorage; where that cannot be used they last as long as the page.
function remembered(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(`footnote.${name}`)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function remember(name, value) {
  try {
    localStorage.setItem(`footnote.${name}`, JSON.stringify(value));
  } catch {
    // It lasts as long as the page.
  }
}
