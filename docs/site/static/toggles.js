// For readers of screens: names what opens a part of the list at the side, which the theme leaves without a name, and
// keeps Sphinx's parameters, one a line, from being read as definitions without terms.
document.addEventListener("DOMContentLoaded", () => {
  for (const summary of document.querySelectorAll("summary:has(> .toctree-toggle)")) {
    const link = summary.closest("li")?.querySelector("a");
    summary.setAttribute("aria-label", `Pages of ${link?.textContent.trim() ?? "this part"}`);
  }
  for (const part of document.querySelectorAll("dt.sig > dl, dt.sig > dl > dd")) part.setAttribute("role", "none");
});
