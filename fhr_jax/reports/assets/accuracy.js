// The page of an evaluation: the cumulative curve, the histogram, and the table of all faces.

const errors = data.errors;
const limit = data.limit;

function drawPlots() {
  clearPlots();
  find("ced").textContent = find("histogram").textContent = "";
  const last = 1.25 * limit;
  const inside = errors.filter((error) => error <= last);
  const x = [0, ...inside, last];
  const share = [0, ...inside.map((_, i) => 100 * (i + 1) / errors.length), 100 * inside.length / errors.length];
  const number = (ticks) => ticks.map((t) => String(Math.round(100 * t) / 100));
  const readout = (one, unit) => {
    one.own.hooks.setCursor = [() => {
      const at = one.own.cursor.idx;
      one.values.forEach((value, i) => {
        value.textContent = at == null ? "" : unit(x === one.own.data[0] ? x[at] : one.own.data[0][at], one.own.data[i + 1][at]);
      });
    }];
  };
  const edge = (u) => {
    const at = u.valToPos(limit, "x", true);
    u.ctx.save();
    u.ctx.strokeStyle = colour("far");
    u.ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
    u.ctx.lineWidth = devicePixelRatio;
    u.ctx.beginPath();
    u.ctx.moveTo(at, u.bbox.top);
    u.ctx.lineTo(at, u.bbox.top + u.bbox.height);
    u.ctx.stroke();
    u.ctx.restore();
  };
  const common = { height: 230, still: true, hooks: { draw: [edge] } };
  const ced = plot(find("ced"), {
    ...common, title: "Cumulative curve", unit: `faces (%) with at most this NRMSE; dashed: ${limit} %`, x,
    series: [{ label: "", colour: colour("c0"), width: 2, values: share, paths: uPlot.paths.stepped({ align: 1 }) }],
    range: () => [0, 101],
    axes: [axis({ values: (u, ticks) => number(ticks), size: 26 }), axis({ size: 40 })],
  });
  const text = make("span", { class: "item" }, make("b"));
  ced.frame.querySelector(".legend").append(text);
  ced.values = [text.firstChild];
  readout(ced, (error, faces) => `${short(error)} %: ${short(faces)} % of the faces`);
  const bins = 32, width = 1.5 * limit / bins;
  const counts = new Array(bins).fill(0);
  for (const error of errors) counts[Math.min(bins - 1, Math.floor(error / width))] += 100 / errors.length;
  plot(find("histogram"), {
    ...common, title: "Histogram", unit: "faces (%) by NRMSE; the last bar holds all above", x: counts.map((_, i) => (i + 0.5) * width),
    series: [{ label: "", colour: colour("c0"), width: 1, fill: colour("c0") + "55", values: counts, paths: uPlot.paths.bars({ size: [0.86], align: 0 }) }],
    range: (u, low, high) => [0, 1.08 * (high || 1)],
    scales: { x: { time: false, range: () => [0, bins * width] } },
    axes: [axis({ values: (u, ticks) => number(ticks), size: 26, grid: { show: false } }), axis({ size: 40 })],
  });
}

const body = find("rows");
let order = data.rows.map((_, i) => i);

function fill() {
  body.textContent = "";
  for (const i of order) {
    const [name, error] = data.rows[i];
    body.append(make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, error === null ? "none" : error.toFixed(2))));
  }
}

document.querySelectorAll(".long thead th").forEach((title, column, titles) => {
  title.firstElementChild.onclick = () => {
    const up = title.getAttribute("aria-sort") !== "ascending";
    titles.forEach((one) => one.setAttribute("aria-sort", "none"));
    title.setAttribute("aria-sort", up ? "ascending" : "descending");
    const sign = up ? 1 : -1;
    order.sort((a, b) => {
      const [one, other] = [data.rows[a][column], data.rows[b][column]];
      return sign * (column ? (one ?? Infinity) - (other ?? Infinity) || 0 : one.localeCompare(other, undefined, { numeric: true }));
    });
    fill();
  };
});
fill();
drawPlots();
whenThemeChanges(drawPlots);
