// Offers the other versions of the site, of the list beside the folders of all versions. From a file there is no list.
document.addEventListener("DOMContentLoaded", async () => {
  const menus = document.querySelectorAll(".zoo-versions select");
  if (!location.protocol.startsWith("http") || !menus.length) return;
  const root = new URL(document.documentElement.dataset.content_root, location.href);
  const all = new URL("..", root);
  const answer = await fetch(new URL("versions.json", all));
  const versions = answer.ok ? await answer.json() : [];
  const here = root.pathname.split("/").at(-2);
  if (!versions.some(({ folder }) => folder === here)) return;
  for (const menu of menus) {
    menu.replaceChildren(
      ...versions.map(({ name, folder }) => new Option(name, folder, false, folder === here)),
    );
    menu.disabled = false;
    menu.addEventListener("change", async () => {
      const other = new URL(`${menu.value}/`, all);
      const page = new URL(menu.dataset.page, other);
      const found = await fetch(page, { method: "HEAD" }).catch(() => ({ ok: false }));
      location.href = found.ok ? page : other; // a version may not have this page
    });
  }
});
