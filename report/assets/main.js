// ---- The page. ----

/** theme lets the reader choose light or dark over what the system asks for. */
function themeButton(button) {
  const root = document.documentElement, system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const tell = () => {
    button.textContent = dark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to ${dark() ? "light" : "dark"} colours`);
    document.dispatchEvent(new Event("themechange"));
  };
  button.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; tell(); });
  system.addEventListener("change", tell);
  tell();
}

/** copyButton puts the command on the clipboard, or selects it where that is not allowed. */
function copyButton(button, source) {
  button?.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(source);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}

document.documentElement.classList.add("js");
themeButton(document.getElementById("theme"));
copyButton(document.getElementById("copy"), document.getElementById("command"));
document.querySelectorAll("[data-save]").forEach((button) => {
  const figure = button.closest("figure");
  button.addEventListener("click", () => saveSVG(figure.dataset.file, figure.querySelector("svg")));
});
for (const [id, panel] of panels) {
  const root = document.getElementById(id);
  const redraw = root && panel(root);
  if (!redraw) continue;
  let width = root.clientWidth;
  new ResizeObserver(() => {
    if (root.clientWidth === 0 || root.clientWidth === width) return;
    width = root.clientWidth;
    requestAnimationFrame(() => redraw()); // not within the observer, which would watch its own change
  }).observe(root);
}
document.addEventListener("keydown", (e) => { if (e.key === "Escape") hideTip(); });
