// Draws what the filter leaves, with the Pareto front marked. Vega is loaded when the plot comes near the screen.
"use strict";

(() => {
  const figure = document.querySelector(".zoo-plot");
  const axes = figure.querySelector(".zoo-axes");
  const canvas = figure.querySelector(".zoo-canvas");
  const { tables, less, writeAddress } = window.zooTables;
  const filter = document.querySelector(".zoo-filter");
  const here = document.currentScript.src.replace(/[^/]*$/, "");
  const version = document.currentScript.src.replace(/^[^?]*/, "");
  let view = null;
  let wanted = 0; // the latest drawing: an older one that comes later is dropped

  function load(name) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = here + name + version;
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${name} cannot be loaded`));
      document.head.append(script);
    });
  }

  const tableOf = (task) => tables.find((table) => table.task === task);
  const headOf = (table, key) => table.heads.find((head) => head.dataset.key === key);

  function title(head) {
    const unit = head.dataset.unit;
    return head.querySelector(".zoo-title").textContent + (unit ? ` (${unit})` : "");
  }

  // Only the metrics of the task can be chosen; others of the same name stay as they are.
  function offerMetrics() {
    const table = tableOf(axes["plot-task"].value);
    const options = [...axes["plot-y"].options];
    options.forEach((option) => {
      option.hidden = option.disabled = !table.keys.includes(option.value);
    });
    if (axes["plot-y"].selectedOptions[0]?.disabled ?? true) axes["plot-y"].value = options.find((option) => !option.disabled).value;
  }

  function points() {
    const table = tableOf(axes["plot-task"].value);
    const [x, y] = [axes["plot-x"].value, axes["plot-y"].value];
    return table.rows
      .filter(({ row, figures }) => !row.hidden && figures[x] > 0 && y in figures)
      .map(({ row, figures, facts }) => ({
        name: facts.name,
        member: facts.member,
        x: figures[x],
        y: figures[y],
        good: less[y] ? -figures[y] : figures[y],
        href: row.cells[0].querySelector("a").getAttribute("href"),
      }));
  }

  function colours() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--pst-color-${name}`).trim();
    return { front: colour("danger"), other: colour("primary"), text: colour("text-base"), muted: colour("text-muted"), grid: colour("border") };
  }

  async function draw() {
    const turn = ++wanted;
    offerMetrics();
    const table = tableOf(axes["plot-task"].value);
    const data = points();
    const titles = { "{along}": title(headOf(table, axes["plot-x"].value)), "{upwards}": title(headOf(table, axes["plot-y"].value)) };
    const quoted = (text) => JSON.stringify(text).slice(1, -1).replaceAll("'", "’");
    let text = window.zooPlot;
    for (const [place, name] of Object.entries(titles)) text = text.replaceAll(place, quoted(name));
    const plot = JSON.parse(text);
    plot.data.find(({ name }) => name === "points").values = data;
    const { front, other, text: ink, muted, grid } = colours();
    const config = { axis: { labelColor: muted, titleColor: ink, gridColor: grid, domainColor: grid, tickColor: grid } };
    const next = new window.zooVega.View(window.zooVega.parse(plot, config), { renderer: "svg", hover: true });
    const place = document.createElement("div");
    place.className = "zoo-drawn";
    canvas.querySelector(".zoo-drawn")?.remove();
    canvas.append(place);
    next.signal("frontColour", front).signal("otherColour", other).signal("textColour", ink).initialize(place);
    await next.runAsync();
    if (turn !== wanted) {
      next.finalize();
      place.remove();
      return;
    }
    view?.finalize();
    view = next;
    canvas.querySelector("img")?.remove();
    canvas.classList.toggle("zoo-empty", data.length === 0);
    describe(place, data.length, titles);
    letKeysWalk(place);
  }

  function describe(place, count, titles) {
    place.querySelector("svg").setAttribute("aria-label", `${titles["{upwards}"]} against ${titles["{along}"]}: ${count} points`);
    figure.dataset.points = count;
  }

  // One stop of the tabulator for all points: arrows walk along them, from left to right.
  function letKeysWalk(place) {
    const across = (element) => element.getBoundingClientRect().left;
    const dots = [...place.querySelectorAll(".mark-symbol path")].sort((a, b) => across(a) - across(b));
    const go = (to) => {
      dots.forEach((dot) => dot.setAttribute("tabindex", dot === to ? "0" : "-1"));
    };
    dots.forEach((dot, index) => {
      dot.setAttribute("role", "link");
      dot.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
        if (step) {
          const next = dots[(index + step + dots.length) % dots.length];
          go(next);
          next.focus();
        } else if (event.key === "Enter") {
          location.href = dot.__data__.datum.href;
        } else return;
        event.preventDefault();
      });
    });
    if (dots.length) go(dots[0]);
  }

  let waiting = 0;
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(draw, 60);
  };

  function remember() {
    const differs = [...axes.elements].map(({ name, value, options }) => [name, value === options[0].value ? "" : value]);
    writeAddress(Object.fromEntries(differs));
  }

  function restore() {
    const address = new URLSearchParams(location.search);
    for (const field of axes.elements) {
      const value = address.get(field.name);
      if ([...field.options].some((option) => option.value === value)) field.value = value;
    }
    followTheFilter();
  }

  function followTheFilter() {
    if (filter.task.value !== "") axes["plot-task"].value = filter.task.value;
  }

  async function begin() {
    await load("vega.js");
    await load("plot-in-vega.js");
    await document.fonts.ready;
    axes.hidden = false;
    figure.querySelector(".zoo-plot-hint").hidden = false;
    await draw();
    document.addEventListener("zoo-filtered", () => {
      followTheFilter();
      soon();
    });
    axes.addEventListener("input", () => {
      remember();
      soon();
    });
    new MutationObserver(soon).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    let width = canvas.clientWidth;
    new ResizeObserver(() => {
      if (canvas.clientWidth !== width) soon();
      width = canvas.clientWidth;
    }).observe(canvas);
  }

  restore();
  new IntersectionObserver((seen, observer) => {
    if (!seen.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    begin().catch((error) => console.error(error)); // the picture stays
  }, { rootMargin: "300px" }).observe(figure);
})();
