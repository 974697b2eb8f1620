// The values under the pointer, the finger or the arrow keys: a line across all plots of a chart, and a box beside it.
// Each plot has invisible columns with a title; this reads them, and adds nothing that is not in them.
for (const chart of document.querySelectorAll(".chart")) {
  const box = chart.querySelector("output");
  const frame = chart.querySelector(".frame");
  const plots = [...chart.querySelectorAll(".plot")].map((plot) => {
    const hair = plot.appendChild(document.createElement("i"));
    hair.className = "hair";
    hair.hidden = true;
    const columns = [...plot.querySelectorAll(".at")].map((column) => {
      const number = (name) => parseFloat(column.getAttribute(name)) / 100;
      const title = column.querySelector("title");
      title.remove(); // or the browser would show it as well
      return { at: number("data-x"), end: number("x") + number("width"), lines: title.textContent.split("\n") };
    });
    return { plot, hair, columns };
  });
  const places = [...new Set(plots.flatMap(({ columns }) => columns.map(({ at }) => at)))].sort((a, b) => a - b);
  if (!places.length) continue;
  let now = null;

  const hide = () => {
    now = null;
    box.textContent = "";
    for (const { hair } of plots) hair.hidden = true;
  };
  const show = (place) => {
    now = place;
    const lines = [];
    for (const { hair, columns } of plots) {
      hair.hidden = false;
      hair.style.left = `${place * 100}%`;
      const column = columns.find(({ end }) => place <= end) ?? columns.at(-1);
      if (!column) continue;
      if (!lines.length) lines.push(column.lines[0]);
      lines.push(...column.lines.slice(1));
    }
    box.textContent = lines.join("\n");
    const plot = plots[0].plot;
    const x = plot.offsetLeft + place * plot.clientWidth;
    const left = x + 12 + box.offsetWidth <= frame.clientWidth ? x + 12 : Math.max(0, x - 12 - box.offsetWidth);
    box.style.left = `${left}px`;
    box.style.top = `${plot.offsetTop + 4}px`;
    return x;
  };
  const nearest = (share) => places.reduce((a, b) => (Math.abs(b - share) < Math.abs(a - share) ? b : a));
  const follow = (event) => {
    const { left, width } = plots[0].plot.getBoundingClientRect();
    const share = (event.clientX - left) / width;
    if (share < -0.02 || share > 1.02) hide();
    else show(nearest(share));
  };
  chart.addEventListener("pointermove", follow);
  chart.addEventListener("pointerdown", follow);
  chart.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hide());
  chart.addEventListener("blur", hide);
  chart.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === "Escape") hide();
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const last = places.length - 1;
    const next = now === null ? (step > 0 ? 0 : last) : places.indexOf(now) + step;
    const x = show(places[Math.min(Math.max(next, 0), last)]);
    chart.scrollLeft = x - chart.clientWidth / 2;
  });
}
