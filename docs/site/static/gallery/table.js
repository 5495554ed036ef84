// Filters and sorts the tables of the gallery; the address bar keeps both. Without this script the tables are whole.
"use strict";

(() => {
  const form = document.querySelector(".zoo-filter");
  const tables = [...document.querySelectorAll(".zoo-table table")].map(readTable);
  const count = document.querySelector(".zoo-count output");
  const SUFFIX = { params: { k: 1e-3, m: 1, g: 1e3 }, gflops: { m: 1e-3, g: 1 } }; // parameters are in millions
  const SIZES = ["params", "gflops", "file", "latency"];
  const TEXTS = ["license", "package"];
  const OPERATORS = { ">=": (a, b) => a >= b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, "<": (a, b) => a < b, "=": (a, b) => a === b };
  const ALIASES = { parameters: "params", num_params: "params", ops: "gflops", file_size: "file", size: "file", time: "latency" };
  let sort = { key: "", descending: false };

  function readTable(table) {
    const heads = [...table.tHead.rows[0].cells];
    const keys = heads.map((head) => head.dataset.key);
    const rows = [...table.tBodies[0].rows].map((row, index) => {
      const figures = {};
      keys.forEach((key, column) => {
        const value = row.cells[column].dataset.value;
        if (value !== undefined) figures[key] = Number(value);
      });
      return { row, index, figures, facts: row.dataset };
    });
    const section = table.closest("section");
    return { table, heads, keys, rows, section, task: table.dataset.task };
  }

  const less = {}; // of which figures less is better
  const known = new Set(["name"]);
  tables.forEach(({ heads }) =>
    heads.forEach((head) => {
      known.add(head.dataset.key);
      less[head.dataset.key] = head.dataset.better === "less";
    }),
  );

  // What is typed: words, and conditions among them.
  function parse(text) {
    const words = [], conditions = [], unknown = [];
    const spaced = text
      .replaceAll("≥", ">=")
      .replaceAll("≤", "<=")
      .replace(/\s*([<>]=?|=)\s*/g, "$1")
      .replace(/([<>=]\d{1,3})((?:,\d{3})+)(?![\d,])/g, (_, first, others) => first + others.replaceAll(",", ""))
      .replace(/([<>=][\d.]+)\s+([kmg])(?=\s|,|$)/gi, "$1$2")
      .replace(/([<>=][\d.]+)\s*(?:ms|mib|gflops|%)(?=\s|,|$)/gi, "$1");
    for (const token of spaced.split(/[\s,]+/).filter(Boolean)) {
      if (!/[<>=]/.test(token)) {
        words.push(token.toLowerCase());
        continue;
      }
      const [, typed = "", operator, number, suffix = ""] = token.toLowerCase().match(/^([^<>=]+)([<>]=?|=)(\d+(?:\.\d*)?|\.\d+)([kmg]?)$/) ?? [];
      const key = ALIASES[typed] ?? [...known].find((name) => name.toLowerCase() === typed);
      const whole = key === "params" && !suffix && Number(number) > 1e5; // not in millions
      const factor = whole ? 1e-6 : suffix ? SUFFIX[key]?.[suffix] : 1;
      if (!key || !factor) unknown.push(token);
      else conditions.push({ key, holds: OPERATORS[operator], bound: Number(number) * factor });
    }
    return { words, conditions, unknown };
  }

  function fulfils({ figures, facts }, wanted) {
    return (
      wanted.words.every((word) => facts.words.includes(word)) &&
      wanted.texts.every(([key, value]) => facts[key] === value) &&
      (!wanted.onlyDefault || facts.default !== undefined) &&
      wanted.conditions.every(({ key, holds, bound }) => key in figures && holds(figures[key], bound))
    );
  }

  function wantedNow() {
    const wanted = parse(form.q.value);
    const bound = (key, input, atLeast) => {
      if (input.value !== "") wanted.conditions.push({ key, holds: OPERATORS[atLeast ? ">=" : "<="], bound: Number(input.value) });
    };
    bound(form.metric.value, form.least, !less[form.metric.value]);
    SIZES.forEach((key) => bound(key, form[key], false));
    wanted.texts = TEXTS.map((key) => [key, form[key].value]).filter(([, value]) => value !== "");
    wanted.onlyDefault = form.default.checked;
    return wanted;
  }

  function compare(a, b) {
    if (sort.key === "") return a.index - b.index;
    const sign = sort.descending ? -1 : 1;
    if (sort.key === "name") return sign * (a.index - b.index);
    const [x, y] = [a.figures[sort.key], b.figures[sort.key]];
    if (x === undefined || y === undefined) {
      const texts = [a.facts[sort.key], b.facts[sort.key]];
      if (texts[0] !== undefined) return sign * texts[0].localeCompare(texts[1]) || a.index - b.index;
      return (x === undefined) - (y === undefined) || a.index - b.index; // what has no figure comes last
    }
    return sign * (x - y) || a.index - b.index;
  }

  function apply() {
    const wanted = wantedNow();
    form.querySelector("[data-bound]").textContent = less[form.metric.value] ? "At most" : "At least";
    let entries = 0;
    const models = new Set();
    for (const { table, heads, keys, rows, section, task } of tables) {
      const isChosen = form.task.value === "" || form.task.value === task;
      let shown = 0;
      for (const each of rows) {
        each.row.hidden = !(isChosen && fulfils(each, wanted));
        if (each.row.hidden) continue;
        shown += 1;
        models.add(each.facts.name);
      }
      entries += shown;
      section.hidden = shown === 0;
      table.tBodies[0].append(...[...rows].sort(compare).map(({ row }) => row));
      heads.forEach((head, column) => {
        const isSorted = keys[column] === sort.key;
        head.setAttribute("aria-sort", isSorted ? (sort.descending ? "descending" : "ascending") : "none");
      });
    }
    const total = tables.reduce((sum, { rows }) => sum + rows.length, 0);
    count.textContent = wanted.unknown.length
      ? `Not understood: ${wanted.unknown.join(", ")}. Expected a figure and a number, as params<30M; there are ${[...known].filter((key) => !["name", "input", ...TEXTS].includes(key)).join(", ")}.`
      : `${entries} of ${total} weights entries, of ${models.size} ${models.size === 1 ? "model" : "models"}`;
    document.dispatchEvent(new CustomEvent("zoo-filtered"));
  }

  // The address bar: only what differs from the form as it is at first.
  const FIELDS = [...new Set([...form.elements].map((element) => element.name).filter(Boolean))];
  const first = Object.fromEntries(FIELDS.map((name) => [name, valueOf(name)]));

  function valueOf(name) {
    const field = form.elements[name];
    return field.type === "checkbox" ? (field.checked ? "1" : "") : field.value;
  }

  // Writes parameters into the address; what is empty leaves it. For the plot, too.
  function writeAddress(changes) {
    const address = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(changes)) {
      if (value === "") address.delete(name);
      else address.set(name, value);
    }
    const query = address.toString();
    try {
      history.replaceState(null, "", (query ? `?${query}` : location.pathname) + location.hash);
    } catch {
      // a page that was opened as a file may not change its address everywhere
    }
  }

  function remember() {
    const differs = FIELDS.map((name) => [name, valueOf(name) === first[name] ? "" : valueOf(name)]);
    const order = sort.key && (sort.descending ? "-" : "") + sort.key;
    writeAddress({ ...Object.fromEntries(differs), sort: order });
  }

  function restore() {
    const address = new URLSearchParams(location.search);
    for (const name of FIELDS) {
      const field = form.elements[name];
      const value = address.get(name) ?? first[name];
      if (field.type === "checkbox") field.checked = value === "1";
      else if (field.tagName !== "SELECT" || [...field.options].some((option) => option.value === value)) field.value = value;
    }
    const wanted = address.get("sort") ?? "";
    const key = wanted.replace(/^-/, "");
    sort = known.has(key) ? { key, descending: wanted.startsWith("-") } : { key: "", descending: false };
    apply();
  }

  function sortBy(head) {
    const { key, kind } = head.dataset;
    const bestFirst = kind === "metric" && !less[key]; // the first click puts the best on top
    if (sort.key !== key) sort = { key, descending: bestFirst };
    else if (sort.descending === bestFirst) sort = { key, descending: !bestFirst };
    else sort = { key: "", descending: false };
    apply();
    remember();
  }

  for (const { heads } of tables) {
    for (const head of heads) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sortBy(head));
    }
  }
  const changed = () => {
    apply();
    remember();
  };
  form.addEventListener("input", changed);
  form.addEventListener("reset", () => setTimeout(changed));
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("popstate", restore);
  form.hidden = false;
  window.zooTables = { tables, less, writeAddress };
  restore();
})();
