"use strict";
// What the pages share: colours of the theme, arrays from base64, plots with uPlot.

const data = JSON.parse(document.getElementById("data").textContent);

const find = (id) => document.getElementById(id);

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function drawn(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

const KINDS = { i2: Int16Array, i4: Int32Array, u1: Uint8Array, f4: Float32Array, f8: Float64Array };

function bytes(text) {
  const letters = atob(text);
  const result = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) result[i] = letters.charCodeAt(i);
  return result;
}

function decoded(coded) {
  return coded && { ...coded, values: new KINDS[coded.kind](bytes(coded.data).buffer), data: null };
}

function clock(seconds) {
  const sign = seconds < 0 ? "-" : "";
  const all = Math.abs(seconds);
  const minutes = Math.floor(all / 60);
  return sign + minutes + ":" + (all - 60 * minutes).toFixed(2).padStart(5, "0");
}

function axis(more) {
  return {
    stroke: colour("soft"),
    font: "11px system-ui, sans-serif",
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
    ...more,
  };
}

const short = (value) => (value == null || !isFinite(value) ? "–" : Math.abs(value) >= 100 ? value.toFixed(0)
  : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2));

const plots = [];

// A plot in a frame with a title and a legend. `series`: label, colour, values, width, alpha, shown, toggles.
function plot(parent, { title, unit = "", x, series, height = 150, range, hooks = {}, axes, scales, still = false, legend = true }) {
  const area = make("div", { class: still ? "area still" : "area", role: "img", "aria-label": `${title} ${unit}` });
  const box = make("div", { class: "legend" });
  const head = make("div", { class: "head" }, make("h3", {}, title + " ", make("small", {}, unit)), box);
  const frame = make("div", { class: "plot" }, head, area);
  parent.append(frame);
  const shown = series.map((own) => ({
    label: own.label,
    stroke: own.colour,
    width: own.width || 1.5,
    alpha: own.alpha || 1,
    show: own.shown !== false,
    points: { show: false },
    spanGaps: false,
    fill: own.fill,
    paths: own.paths,
  }));
  const own = new uPlot({
    width: Math.max(200, area.clientWidth),
    height,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: still, x: true, points: { show: false }, sync: still ? undefined : { key: "time" } },
    scales: { x: { time: false }, y: range ? { range } : {}, ...scales },
    series: [{}, ...shown],
    axes: axes || [axis({ values: (u, ticks) => ticks.map((t) => ticks[1] - ticks[0] < 1 ? clock(t) : clock(t).slice(0, -3)), size: 26 }), axis({ size: 46 })],
    hooks,
    padding: [6, 18, 0, 0],
  }, [x, ...series.map((one) => one.values)], area);
  const values = series.map((one, i) => {
    const swatch = make("i", { class: (one.width || 1.5) < 1.2 ? "thin" : "" });
    swatch.style.background = one.colour;
    swatch.style.opacity = one.alpha || 1;
    const value = make("b");
    const item = make(one.toggles ? "button" : "span", { class: "item", ...(one.toggles ? { type: "button" } : {}) }, swatch, one.label, value);
    if (one.toggles) {
      item.setAttribute("aria-pressed", String(one.shown !== false));
      item.onclick = () => {
        const on = item.getAttribute("aria-pressed") !== "true";
        item.setAttribute("aria-pressed", String(on));
        own.setSeries(i + 1, { show: on });
      };
    }
    if (legend && one.label) box.append(item);
    return value;
  });
  const result = { own, area, frame, values, series };
  plots.push(result);
  return result;
}

function clearPlots() {
  while (plots.length) plots.pop().own.destroy();
}

new ResizeObserver(() => {
  for (const { own, area } of plots) {
    const width = Math.max(200, area.clientWidth);
    if (width !== own.width) own.setSize({ width, height: own.height });
  }
}).observe(document.querySelector("main"));

function whenThemeChanges(redraw) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}
