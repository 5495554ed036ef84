for (const table of document.querySelectorAll("table.sorts")) {
  const body = table.tBodies[0];
  table.tHead.rows[0].querySelectorAll("th").forEach((head, column) => head.addEventListener("click", () => {
    const down = head.dataset.down !== "yes", value = row => row.cells[column].textContent;
    head.dataset.down = down ? "yes" : "no";
    const rows = [...body.rows].sort((a, b) => {
      const x = parseFloat(value(a)), y = parseFloat(value(b));
      const order = isNaN(x) || isNaN(y) ? value(a).localeCompare(value(b)) : x - y;
      return down ? order : -order;
    });
    body.append(...rows);
  }));
}
